"""What becomes of replies that do not arrive: never a loop without end, never silence, never a person overlooked."""

from __future__ import annotations

import pytest

from agent.errors import FenceLost
from agent.times import Times
from crm.database import Database
from crm.desk import Desk
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
