"""Refused webhooks are told in the log, and do not flood it."""

from __future__ import annotations

import logging

import pytest

from deployments.web.refusals import Refusals

ROUTE = "POST /webhooks/gmail"


def test_the_first_refusal_is_told_at_once_and_the_next_ones_together(caplog: pytest.LogCaptureFixture) -> None:
    now = 100.0
    refusals = Refusals(lambda: now)
    with caplog.at_level(logging.WARNING):
        for _ in range(1000):
            refusals.tell(ROUTE, "the push carries no token")
        assert [each.message for each in caplog.records] == ["a webhook was refused: the push carries no token"]
        now += 61
        refusals.tell(ROUTE, "the push's token does not verify")
        refusals.tell("POST /webhooks/whatsapp", "no signature")
    assert [each.message for each in caplog.records[1:]] == [
        "a webhook was refused: the push's token does not verify (999 more were since the last one that was told)",
        "a webhook was refused: no signature",
    ]
