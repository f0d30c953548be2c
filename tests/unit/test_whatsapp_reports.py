"""Reports on our messages: ranked, so that their order does not matter, and sorted by what is to be done."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID

import pytest

from agent.errors import BadInput
from agent.records import OutboxId, ReportedEnd
from channels.whatsapp.reports import RANKS, parse_report, to_report
from channels.whatsapp.signature import Form
from crm.outbox import ARRIVED_RANK

SID = "SM" + "0" * 32
OUTBOX = OutboxId(UUID("0f00da43-6297-4527-980b-cb28cb0db793"))


def test_a_report_names_the_part_that_it_is_about() -> None:
    form = Form([("MessageSid", SID), ("MessageStatus", "delivered")])
    report = parse_report(f"outbox={OUTBOX}&part=2", form)
    assert report is not None
    assert (report.outbox_id, report.part, report.provider_message_id) == (OUTBOX, 2, SID)
    assert report.end is None


def test_a_report_on_what_was_not_sent_from_here_is_nobodys() -> None:
    assert parse_report("", Form([("MessageSid", SID), ("MessageStatus", "delivered")])) is None


def test_later_statuses_rank_above_earlier_ones_and_failures_above_all() -> None:
    order = ["accepted", "queued", "sending", "sent", "delivered", "read", "undelivered", "failed"]
    assert all(RANKS[one] < RANKS[next_one] for one, next_one in pairwise(order))
    assert RANKS["sending"] < ARRIVED_RANK <= RANKS["sent"], "from then on the next part may follow"


def test_a_status_that_twilio_invents_ranks_below_all() -> None:
    assert to_report(OUTBOX, 0, SID, "teleported", "").rank < min(RANKS.values())


@pytest.mark.parametrize(
    ("status", "code", "end"),
    [
        ("failed", "63016", ReportedEnd.FAILED),
        ("undelivered", "63024", ReportedEnd.FAILED),
        ("failed", "", ReportedEnd.FAILED),
        ("failed", "99999", ReportedEnd.FAILED),
        ("failed", "21610", ReportedEnd.OPTED_OUT),
        ("undelivered", "63033", ReportedEnd.OPTED_OUT),
        ("delivered", "", None),
    ],
)
def test_a_failure_ends_by_its_code(status: str, code: str, end: ReportedEnd | None) -> None:
    report = to_report(OUTBOX, 0, SID, status, code)
    assert report.end is end
    assert bool(report.summary) == (end is not None)


@pytest.mark.parametrize(
    ("query", "changes", "field"),
    [
        ("outbox=x&part=0", {}, "outbox"),
        (f"outbox={OUTBOX}&part=-1", {}, "part"),
        (f"outbox={OUTBOX}", {"MessageSid": "no"}, "MessageSid"),
        (f"outbox={OUTBOX}", {"MessageStatus": ""}, "MessageStatus"),
        (f"outbox={OUTBOX}", {"ErrorCode": "none"}, "ErrorCode"),
    ],
)
def test_bad_input_names_its_field(query: str, changes: dict[str, str], field: str) -> None:
    fields = {"MessageSid": SID, "MessageStatus": "read"} | changes
    with pytest.raises(BadInput) as caught:
        parse_report(query, Form(list(fields.items())))
    assert caught.value.field == field
