"""Access tokens: the same for the same ticket, useless for any other."""

from __future__ import annotations

from uuid import UUID

import pytest
from pydantic import SecretStr

from channels.web_form.tokens import TicketTokens

TICKET = "TF-20260101-0001"
CONVERSATION = UUID(int=7)
tokens = TicketTokens(SecretStr("one secret"))


def test_token_is_the_same_in_every_process_with_the_secret() -> None:
    assert tokens.issue(TICKET, CONVERSATION) == TicketTokens(SecretStr("one secret")).issue(TICKET, CONVERSATION)
    assert tokens.opens(tokens.issue(TICKET, CONVERSATION), TICKET, CONVERSATION)


def test_token_opens_nothing_else() -> None:
    token = tokens.issue(TICKET, CONVERSATION)
    assert not tokens.opens(token, "TF-20260101-0002", CONVERSATION)
    assert not tokens.opens(token, TICKET, UUID(int=8))
    assert not TicketTokens(SecretStr("another secret")).opens(token, TICKET, CONVERSATION)


@pytest.mark.parametrize("wrong", ["", "x", "ä" * 43, "\ud800", "A" * 43, "A" * 10_000])
def test_wrong_tokens_open_nothing(wrong: str) -> None:
    assert not tokens.opens(wrong, TICKET, CONVERSATION)


def test_token_fits_a_url_and_does_not_show_the_secret() -> None:
    token = tokens.issue(TICKET, CONVERSATION)
    assert len(token) == 43
    assert token.replace("-", "").replace("_", "").isalnum()
    assert "one secret" not in repr(tokens) + str(vars(tokens))
