"""What is done when nobody does anything: late escalations are raised again, quiet conversations end."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.records import Accepted, Author, Channel, InboundMessage, ReasonCode, Severity, TurnDecision
from crm.aftercare import Aftercare, Closing
from crm.database import Database
from crm.desk import Desk
from crm.escalations import Escalations
from crm.inbox import Inbox
from crm.outbox import Outbox
from tests.integration.spine import escalate, form_message, hold, reply_to, whatsapp_message
from tests.integration.test_turns import begin, fetch_value

UNHAPPY = -0.3
LATER = datetime.now(UTC) + timedelta(days=1)
LATE = dict.fromkeys(Severity, LATER)
NOT_YET = dict.fromkeys(Severity, LATER - timedelta(days=30))


async def turn(database: Database, message: InboundMessage, decide: Any = reply_to, **changes: Any) -> Accepted:
    accepted = await Inbox(database).accept(message)
    turns, claim, context = await begin(database, accepted.customer_id)
    decision: TurnDecision = dataclasses.replace(decide(context), **changes)
    await turns.commit(claim, context, decision, allow_rerun=False)
    return accepted


async def deliver(database: Database) -> None:
    outbox = Outbox(database)
    while items := await outbox.claim(10):
        await outbox.record_sent([(item, f"p-{item.send_token}") for item in items])


async def quiet(database: Database, message: InboundMessage, **changes: Any) -> Accepted:
    accepted = await turn(database, message, **changes)
    await deliver(database)
    return accepted


async def standing(database: Database) -> list[tuple[str, str, bool]]:
    """Of each end of a conversation its kind, who made it, and whether it stands."""
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT kind, resolved_by, reopened_at FROM resolutions ORDER BY resolved_at")
    return [(row["kind"], row["resolved_by"], row["reopened_at"] is None) for row in rows]


async def test_a_quiet_conversation_is_assumed_to_be_resolved(database: Database) -> None:
    accepted = await quiet(database, form_message())
    aftercare = Aftercare(database)
    assert await aftercare.fetch_quiet(Channel.WEB_FORM, LATER, 10) == [accepted.conversation_id]
    assert await aftercare.fetch_quiet(Channel.EMAIL, LATER, 10) == []
    assert await aftercare.fetch_quiet(Channel.WEB_FORM, LATER - timedelta(days=2), 10) == []
    assert await aftercare.close(accepted.conversation_id, LATER, UNHAPPY) is Closing.RESOLVED
    assert await standing(database) == [("assumed", "fte", True)]
    assert await fetch_value(database, "SELECT status FROM tickets") == "resolved"
    assert await aftercare.fetch_quiet(Channel.WEB_FORM, LATER, 10) == []
    assert await aftercare.close(accepted.conversation_id, LATER, UNHAPPY) is Closing.NOT_QUIET


async def test_what_waits_for_its_delivery_or_its_turn_is_not_quiet(database: Database) -> None:
    aftercare = Aftercare(database)
    accepted = await turn(database, form_message(thread="t"))
    assert await aftercare.fetch_quiet(Channel.WEB_FORM, LATER, 10) == []
    assert await aftercare.close(accepted.conversation_id, LATER, UNHAPPY) is Closing.NOT_QUIET
    await deliver(database)
    await Inbox(database).accept(form_message(thread="t"))
    assert await aftercare.fetch_quiet(Channel.WEB_FORM, LATER, 10) == []
    assert await aftercare.close(accepted.conversation_id, LATER, UNHAPPY) is Closing.NOT_QUIET


async def test_what_a_person_has_is_not_closed(database: Database) -> None:
    accepted = await quiet(database, form_message())
    await Desk(database).take(accepted.conversation_id, "grace")
    assert await Aftercare(database).fetch_quiet(Channel.WEB_FORM, LATER, 10) == []
    assert await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY) is Closing.NOT_QUIET


async def test_an_upset_last_word_goes_to_a_person_instead(database: Database) -> None:
    accepted = await quiet(database, form_message("This is\nawful"), sentiments=(-0.62,))
    assert await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY) is Closing.ESCALATED
    (line,) = await Escalations(database).fetch()
    assert (line.reason_code, line.severity) == (ReasonCode.UNHAPPY_SILENCE, Severity.P3)
    assert "sentiment -0.62" in line.summary
    assert "The customer wrote: This is awful" in line.summary
    assert await fetch_value(database, "SELECT state FROM conversations") == "escalated"
    assert await fetch_value(database, "SELECT payload ->> 'reason' FROM events WHERE topic = 'fte.escalations'") == (
        "unhappy_silence"
    )
    assert await standing(database) == []


async def test_an_upset_word_that_a_person_answered_keeps_nothing_open(database: Database) -> None:
    accepted = await quiet(database, form_message(), sentiments=(-0.9,))
    desk = Desk(database)
    await desk.reply(accepted.conversation_id, "grace", "I have set it right.")
    await desk.hand_back(accepted.conversation_id, "grace")
    await deliver(database)
    assert await Aftercare(database).fetch_quiet(Channel.WEB_FORM, LATER, 10) == [accepted.conversation_id]
    assert await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY) is Closing.RESOLVED


async def test_a_synthetic_message_has_no_mood(database: Database) -> None:
    message = dataclasses.replace(form_message(), synthetic=True)
    accepted = await quiet(database, message, sentiments=(-0.9,))
    assert await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY) is Closing.RESOLVED


async def test_many_closers_end_it_once(database: Database) -> None:
    accepted = await quiet(database, form_message())
    aftercare = Aftercare(database)
    ends = await asyncio.gather(*(aftercare.close(accepted.conversation_id, LATER, UNHAPPY) for _ in range(8)))
    assert ends.count(Closing.RESOLVED) == 1
    assert set(ends) <= {Closing.RESOLVED, Closing.BUSY, Closing.NOT_QUIET}
    assert await standing(database) == [("assumed", "fte", True)]


async def test_a_message_in_the_making_goes_first(database: Database) -> None:
    accepted = await quiet(database, form_message(thread="t"))
    async with database.transaction() as connection:
        await connection.execute("SELECT FROM work WHERE customer_id = $1 FOR UPDATE", accepted.customer_id)
        assert await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY) is Closing.BUSY
    await Inbox(database).accept(form_message(thread="t"))
    assert await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY) is Closing.NOT_QUIET


async def test_a_message_reopens_an_end_and_that_is_counted(database: Database) -> None:
    accepted = await quiet(database, form_message(thread="t"))
    await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY)
    again = await turn(database, form_message("It is broken again", thread="t"))
    assert again.conversation_id == accepted.conversation_id
    assert await standing(database) == [("assumed", "fte", False)]
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT payload ->> 'resolution' FROM events WHERE topic = 'fte.metrics'")
    assert [row[0] for row in rows] == ["assumed", "reopened"]


async def test_thanks_end_a_conversation_as_confirmed(database: Database) -> None:
    accepted = await quiet(database, form_message(thread="t"))
    await quiet(database, form_message("Thanks, it works!", thread="t"), resolves=True)
    assert await standing(database) == [("confirmed", "the customer", True)]
    assert await fetch_value(database, "SELECT state FROM conversations") == "resolved"
    assert await fetch_value(database, "SELECT status FROM tickets") == "resolved"
    assert await fetch_value(database, "SELECT count(*) FROM outbox WHERE state = 'sent'") == 2
    again = await turn(database, form_message("One more thing", thread="t"))
    assert again.conversation_id == accepted.conversation_id
    assert await standing(database) == [("confirmed", "the customer", False)]


async def test_thanks_after_an_end_confirm_it_and_reopen_nothing(database: Database) -> None:
    accepted = await quiet(database, form_message(thread="t"))
    await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY)
    await turn(database, form_message("Thanks!", thread="t"), resolves=True)
    assert await standing(database) == [("confirmed", "fte", True)]


async def test_thanks_after_a_reopening_question_are_an_end_of_their_own(database: Database) -> None:
    accepted = await quiet(database, form_message(thread="t"))
    await Aftercare(database).close(accepted.conversation_id, LATER, UNHAPPY)
    await turn(database, form_message("It is broken again", thread="t"))
    await turn(database, form_message("Now it works, thanks!", thread="t"), resolves=True)
    assert await standing(database) == [("assumed", "fte", False), ("confirmed", "the customer", True)]


async def test_who_has_written_on_is_not_done(database: Database) -> None:
    inbox = Inbox(database)
    await quiet(database, form_message(thread="t"))
    accepted = await inbox.accept(form_message("Thanks!", thread="t"))
    turns, claim, context = await begin(database, accepted.customer_id)
    await inbox.accept(form_message("But how do I undo it?", thread="t"))
    decision = dataclasses.replace(reply_to(context), resolves=True)
    await turns.commit(claim, context, decision, allow_rerun=False)
    assert await fetch_value(database, "SELECT state FROM conversations") == "open"
    assert await standing(database) == []


@pytest.mark.parametrize(("said", "kind"), [("Great, thank you!", "confirmed"), ("And the invoice?", "assumed")])
async def test_what_a_person_ends_is_confirmed_by_the_customers_last_words(
    database: Database, said: str, kind: str
) -> None:
    accepted = await quiet(database, form_message(thread="t"))
    desk = Desk(database)
    await desk.reply(accepted.conversation_id, "grace", "Done.")
    await deliver(database)
    await turn(database, form_message(said, thread="t"), hold)
    await desk.resolve(accepted.conversation_id, "grace")
    assert await standing(database) == [(kind, "grace", True)]


async def test_a_notice_is_no_answer(database: Database) -> None:
    accepted = await turn(database, form_message(thread="t"), escalate)
    desk = Desk(database)
    await desk.reply(accepted.conversation_id, "grace", "Which browser is it?")
    await deliver(database)
    await turn(database, form_message("Firefox", thread="t"), hold)
    await desk.hand_back(accepted.conversation_id, "grace")
    assert await fetch_value(database, "SELECT answered_at FROM conversations") is None
    assert await fetch_value(database, "SELECT author FROM messages ORDER BY created_at DESC LIMIT 1") == Author.FTE


async def test_an_escalation_that_nobody_takes_is_raised_again_once_per_interval(database: Database) -> None:
    accepted = await turn(database, form_message(), escalate)
    aftercare = Aftercare(database)

    async def raise_again(late_until: Any = LATE, at_most: int = 3, channel: Channel = Channel.WEB_FORM) -> int:
        return await aftercare.raise_again(channel, late_until, at_most, 100)

    assert await raise_again(NOT_YET) == await raise_again(channel=Channel.EMAIL) == 0
    late_until = dict.fromkeys(Severity, await read_clock(database))
    assert sum(await asyncio.gather(*(raise_again(late_until) for _ in range(8)))) == 1
    (line,) = await Escalations(database).fetch()
    assert line.reminders == 1
    assert line.raised_again_at is not None
    assert line.raised_again_at > line.created_at
    payload = await fetch_value(database, "SELECT payload FROM events WHERE payload ->> 'action' = 'raised_again'")
    assert (payload["conversation_id"], payload["reminders"]) == (str(accepted.conversation_id), 1)
    assert await raise_again(dict.fromkeys(Severity, line.raised_again_at - timedelta(microseconds=1))) == 0
    assert [await raise_again() for _ in range(3)] == [1, 1, 0], "at most so often"


async def test_only_its_severity_makes_an_escalation_late(database: Database) -> None:
    await turn(database, form_message(), escalate)  # P3
    aftercare = Aftercare(database)
    late_until = {Severity.P1: LATER, Severity.P2: LATER, Severity.P3: NOT_YET[Severity.P3]}
    assert await aftercare.raise_again(Channel.WEB_FORM, late_until, 10, 100) == 0


async def test_what_somebody_takes_is_not_raised_again(database: Database) -> None:
    accepted = await turn(database, whatsapp_message("+15550170"), escalate)
    aftercare = Aftercare(database)
    async with database.transaction() as connection:
        # Somebody's takeover, just before its commit.
        await connection.execute("UPDATE escalations SET note = 'being taken'")
        assert await aftercare.raise_again(Channel.WHATSAPP, LATE, 10, 100) == 0
    await Desk(database).take(accepted.conversation_id, "grace")
    assert await aftercare.raise_again(Channel.WHATSAPP, LATE, 10, 100) == 0


async def read_clock(database: Database) -> datetime:
    now: datetime = await fetch_value(database, "SELECT clock_timestamp()")
    return now
