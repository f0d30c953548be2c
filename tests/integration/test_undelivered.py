"""What becomes of replies that do not arrive: never a loop without end, never silence, never a person overlooked."""

from __future__ import annotations

import pytest

from agent.errors import FenceLost
from agent.records import ConversationId, Severity
from agent.times import Times
from crm.database import Database
from crm.desk import Desk
from crm.desk_views import DeskViews
from crm.escalations import Escalations
from crm.inbox import Inbox
from crm.outbox import Outbox
from tests.integration.spine import form_message, reply_to, whatsapp_message
from tests.integration.test_outbox import answer, claim_one
from tests.integration.test_turns import begin, fetch_value


async def test_row_behind_an_open_one_does_not_keep_the_courier_awake(database: Database) -> None:
    for number in range(2):
        await answer(database, text=f"part {number}")
    outbox = Outbox(database)
    await outbox.claim(10)
    wait = await outbox.seconds_until_due()
    assert wait is not None
    assert wait > 1


async def test_send_that_is_never_confirmed_goes_to_a_person(database: Database, times: Times) -> None:
    await answer(database)
    outbox = Outbox(database)
    await outbox.claim(10)
    for _ in range(times.send_budget):
        for _ in range(2):
            item = await claim_one(database)
            assert item.was_unknown
            await outbox.record_not_found(item)
        if await fetch_value(database, "SELECT state FROM outbox") == "failed":
            break
        assert not (await claim_one(database)).was_unknown
    assert await fetch_value(database, "SELECT attempts FROM outbox WHERE state = 'failed'") == times.send_budget
    assert await fetch_value(database, "SELECT reason_code FROM escalations") == "tool_failure"


async def test_failed_reply_of_an_old_conversation_escalates_the_newest_of_its_thread(database: Database) -> None:
    old = await answer(database)
    (item,) = await Outbox(database).claim(10)
    await Desk(database).resolve(old.conversation_id, "grace")
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE conversations SET resolved_at = now() - interval '73 h', created_at = now() - interval '80 h'"
        )
    new = await Inbox(database).accept(whatsapp_message("+15550120"))
    assert new.conversation_id != old.conversation_id
    await Outbox(database).record_failed(item, "refused")
    assert await fetch_value(database, "SELECT conversation_id FROM escalations") == new.conversation_id
    again = await Inbox(database).accept(whatsapp_message("+15550120"))
    assert again.conversation_id == new.conversation_id


async def test_turn_does_not_answer_over_an_escalation_that_came_meanwhile(database: Database) -> None:
    await answer(database)
    (item,) = await Outbox(database).claim(10)
    accepted = await Inbox(database).accept(whatsapp_message("+15550120"))
    turns, claim, context = await begin(database, accepted.customer_id)
    await Outbox(database).record_failed(item, "refused")
    with pytest.raises(FenceLost):
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)


async def test_handing_back_what_nobody_took_cancels_no_reply(database: Database) -> None:
    message = form_message()
    accepted = await Inbox(database).accept(message)
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, reply_to(context, "the answer"), allow_rerun=False)
    async with database.connection() as connection:
        await connection.execute("UPDATE conversations SET state = 'escalated'")
    await Desk(database).hand_back(accepted.conversation_id, "grace")
    assert [item.body for item in await Outbox(database).claim(10)] == ["the answer"]


async def fail_latest(database: Database, error: str) -> None:
    (item,) = await Outbox(database).claim(10)
    await Outbox(database).record_failed(item, error)


async def owned(database: Database, thread: str, severity: Severity) -> ConversationId:
    """A conversation that Grace has, of which everything was delivered."""
    accepted = await Inbox(database).accept(form_message(thread=thread))
    await Desk(database).take(accepted.conversation_id, "grace")
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE escalations SET severity = $2 WHERE conversation_id = $1", accepted.conversation_id, severity.value
        )
    return accepted.conversation_id


async def test_reply_that_fails_rises_in_the_list_of_the_person_who_has_the_conversation(database: Database) -> None:
    grave = await owned(database, "grave", Severity.P1)
    light = await owned(database, "light", Severity.P3)
    desk, escalations = Desk(database), Escalations(database)
    await desk.reply(light, "grace", "This does not arrive.")
    assert [line.conversation_id for line in await escalations.fetch()] == [grave, light]
    marks = await escalations.fetch_marks([])
    await fail_latest(database, "the number is not on WhatsApp")

    first, second = await escalations.fetch()
    assert (first.conversation_id, first.undelivered) == (light, "the number is not on WhatsApp")
    assert first.waiting_since is not None
    assert first.undelivered_at == await fetch_value(database, "SELECT finished_at FROM outbox WHERE state = 'failed'")
    assert (second.conversation_id, second.undelivered_at) == (grave, None)
    assert await escalations.fetch_marks([]) != marks, "an open desk is told"
    assert await fetch_value(database, "SELECT count(*) FROM events WHERE payload ->> 'reason' = 'tool_failure'") == 1
    messages = (await DeskViews(database).fetch_conversation(light)).messages
    assert messages[-1].delivery_error == "the number is not on WhatsApp"

    # Whoever has it writes once more, and it goes back to its place; when that fails too, it rises again.
    await desk.reply(light, "grace", "And now?")
    assert [line.undelivered for line in await escalations.fetch()] == [None, None]
    await fail_latest(database, "still not")
    assert (await escalations.fetch())[0].undelivered == "still not"
    await desk.hand_back(light, "grace")
    assert [line.undelivered for line in await escalations.fetch()] == [None, None]


async def test_reply_that_fails_after_it_had_arrived_at_the_provider_rises_too(database: Database) -> None:
    """As a report says so hours later."""
    conversation_id = await owned(database, "late", Severity.P3)
    await Desk(database).reply(conversation_id, "grace", "This seemed to arrive.")
    (item,) = await Outbox(database).claim(10)
    await Outbox(database).record_sent([(item, "SM1")])
    async with database.connection() as connection:
        await connection.execute("SELECT refuse_send($1, 'failed', 'undelivered')", item.outbox_id)
    (line,) = await Escalations(database).fetch()
    assert line.undelivered == "undelivered"
