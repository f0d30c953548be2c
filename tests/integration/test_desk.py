"""What people do: an escalation is never a dead end, and a person always wins."""

from __future__ import annotations

import uuid

import pytest

from agent.errors import Conflict, NotFound
from agent.records import Accepted, ConversationId, ConversationState, EscalationStatus, Team
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.merge import merge_customers
from tests.integration.spine import escalate, form_message, hold, reply_to, whatsapp_message
from tests.integration.test_turns import begin, fetch_value


async def escalated(database: Database) -> Accepted:
    accepted = await Inbox(database).accept(form_message("I want my money back"))
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, escalate(context), allow_rerun=False)
    return accepted


async def test_escalation_is_listed_for_its_team(database: Database) -> None:
    accepted = await escalated(database)
    desk = Desk(database)
    (item,) = await desk.list_escalations(Team.BILLING, EscalationStatus.OPEN)
    assert (item.conversation_id, item.ticket_id) == (accepted.conversation_id, accepted.ticket_id)
    assert await desk.list_escalations(Team.LEGAL) == []


async def test_take_reply_hand_back_and_the_fte_answers_again(database: Database) -> None:
    accepted = await escalated(database)
    desk = Desk(database)
    await desk.take(accepted.conversation_id, "grace")
    await desk.take(accepted.conversation_id, "grace")
    with pytest.raises(Conflict):
        await desk.take(accepted.conversation_id, "linus")
    await desk.reply(accepted.conversation_id, "grace", "It is on its way.")
    await desk.hand_back(accepted.conversation_id, "grace", "refund issued")
    assert await fetch_value(database, "SELECT status FROM escalations") == "handed_back"
    async with database.connection() as connection:
        thread = await connection.fetchval("SELECT thread_key FROM conversations")
    await Inbox(database).accept(form_message("thanks", thread=thread))
    _, _, context = await begin(database, accepted.customer_id)
    assert context.state is ConversationState.OPEN
    assert (context.negative_streak, context.gap_streak) == (0, 0)
    assert "It is on its way." in [message.body for message in context.history]


async def test_the_same_reply_key_sends_once(database: Database) -> None:
    accepted = await escalated(database)
    desk = Desk(database)
    for _ in range(2):
        await desk.reply(accepted.conversation_id, "grace", "Hello", idempotency_key="k")
    with pytest.raises(Conflict):
        await desk.reply(accepted.conversation_id, "grace", "Other", idempotency_key="k")
    assert await fetch_value(database, "SELECT count(*) FROM outbox WHERE author = 'person'") == 1


async def test_resolve_ends_it_and_waits_for_an_unread_message(database: Database) -> None:
    accepted = await escalated(database)
    desk = Desk(database)
    async with database.connection() as connection:
        thread = await connection.fetchval("SELECT thread_key FROM conversations")
    await Inbox(database).accept(form_message("one more thing", thread=thread))
    with pytest.raises(Conflict, match="just arrived"):
        await desk.resolve(accepted.conversation_id, "grace")
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, hold(context), allow_rerun=False)
    await desk.resolve(accepted.conversation_id, "grace")
    await desk.resolve(accepted.conversation_id, "grace")
    assert await fetch_value(database, "SELECT status FROM tickets") == "resolved"
    with pytest.raises(Conflict):
        await desk.take(accepted.conversation_id, "grace")


async def test_unknown_conversation_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await Desk(database).take(ConversationId(uuid.uuid4()), "grace")


async def test_escalation_that_nobody_takes_is_raised_again_once(database: Database) -> None:
    await escalated(database)
    desk = Desk(database)
    assert await desk.raise_again() == 0
    async with database.connection() as connection:
        await connection.execute("UPDATE escalations SET created_at = now() - interval '1 hour'")
    assert await desk.raise_again() == 1
    assert await desk.raise_again() == 0


async def test_merge_keeps_identities_and_order_and_cannot_be_repeated(database: Database) -> None:
    inbox = Inbox(database)
    phone = await inbox.accept(whatsapp_message("+15550130", "a"))
    form = await inbox.accept(form_message("b"))
    await merge_customers(database, form.customer_id, phone.customer_id, "link opened")
    with pytest.raises(Conflict):
        await merge_customers(database, form.customer_id, phone.customer_id, "link opened")
    assert await fetch_value(database, "SELECT count(DISTINCT customer_id) FROM messages") == 1
    for expected in ("+15550130", "ada@example.com"):
        turns, claim, context = await begin(database, phone.customer_id)
        assert context.identity.value == expected
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)


async def test_merge_beats_a_running_turn(database: Database) -> None:
    inbox = Inbox(database)
    phone = await inbox.accept(whatsapp_message("+15550131", "a"))
    form = await inbox.accept(form_message("b"))
    turns, claim, context = await begin(database, form.customer_id)
    await merge_customers(database, form.customer_id, phone.customer_id, "link opened")
    with pytest.raises(Exception, match="claimed again"):
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)
