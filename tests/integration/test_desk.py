"""What people do: an escalation is never a dead end, and a person always wins."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest

from agent.errors import Conflict, FenceLost, NotFound
from agent.records import (
    Accepted,
    Category,
    ConversationId,
    ConversationState,
    EscalationStatus,
    InboundMessage,
    Priority,
    Severity,
    Team,
)
from crm.database import Database
from crm.desk import Desk
from crm.desk_views import DeskViews
from crm.escalations import Escalations
from crm.inbox import Inbox
from crm.merge import merge_customers
from crm.outbox import Outbox
from tests.integration.spine import escalate, form_message, hold, mail_message, reply_to, whatsapp_message
from tests.integration.test_turns import begin, fetch_value


async def escalated(database: Database, severity: Severity = Severity.P3) -> Accepted:
    accepted = await Inbox(database).accept(form_message("I want my money back"))
    turns, claim, context = await begin(database, accepted.customer_id)
    decision = escalate(context)
    assert decision.escalation is not None
    decision = replace(decision, escalation=replace(decision.escalation, severity=severity))
    await turns.commit(claim, context, decision, allow_rerun=False)
    return accepted


async def test_escalation_is_listed_for_its_team(database: Database) -> None:
    accepted = await escalated(database)
    escalations = Escalations(database)
    (item,) = await escalations.fetch(Team.BILLING, [EscalationStatus.OPEN])
    assert (item.conversation_id, item.ticket_id) == (accepted.conversation_id, accepted.ticket_id)
    assert await escalations.fetch(Team.LEGAL) == []


async def test_an_emergency_of_a_low_severity_is_listed_above_graver_ones(database: Database) -> None:
    graver = await escalated(database, severity=Severity.P2)
    for _ in range(2):
        await escalated(database)
    urgent = await escalated(database)
    await Desk(database).triage(urgent.conversation_id, "grace", None, Priority.URGENT)
    lines = await Escalations(database).fetch()
    assert [line.conversation_id for line in lines[:2]] == [urgent.conversation_id, graver.conversation_id]
    assert lines[0].due_at is not None
    assert lines[1].due_at is not None
    (only,) = await Escalations(database).fetch(limit=1)
    assert only.conversation_id == urgent.conversation_id, "nor is it cut off"


async def test_take_reply_hand_back_and_the_fte_answers_again(database: Database) -> None:
    accepted = await escalated(database)
    desk = Desk(database)
    await desk.take(accepted.conversation_id, "grace")
    await desk.take(accepted.conversation_id, "grace")
    with pytest.raises(Conflict, match="grace has this conversation"):
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
    assert context.colleague_note == "refund issued"


async def test_conversation_of_who_went_home_is_taken_on_purpose(database: Database) -> None:
    accepted = await escalated(database)
    desk = Desk(database)
    await desk.take(accepted.conversation_id, "grace")
    with pytest.raises(Conflict, match="grace has"):
        await desk.take(accepted.conversation_id, "linus", instead_of="ada")
    await desk.take(accepted.conversation_id, "linus", instead_of="grace")
    with pytest.raises(Conflict, match="linus has"):
        await desk.reply(accepted.conversation_id, "grace", "I am still here.")
    assert await fetch_value(database, "SELECT taken_by FROM escalations") == "linus"


async def test_waiting_begins_with_what_nobody_answered(database: Database) -> None:
    accepted = await escalated(database)
    desk, escalations = Desk(database), Escalations(database)

    async def waiting_since() -> object:
        (item,) = await escalations.fetch()
        return item.waiting_since

    async def message_times() -> list[object]:
        async with database.connection() as connection:
            rows = await connection.fetch(
                "SELECT created_at FROM messages WHERE direction = 'inbound' ORDER BY created_at"
            )
        return [row["created_at"] for row in rows]

    assert await waiting_since() == (await message_times())[0]
    await desk.take(accepted.conversation_id, "grace")
    assert await waiting_since() == (await message_times())[0]
    await desk.reply(accepted.conversation_id, "grace", "It is on its way.")
    assert await waiting_since() is None
    async with database.connection() as connection:
        thread = await connection.fetchval("SELECT thread_key FROM conversations")
    for text in ("when?", "hello?"):
        await Inbox(database).accept(form_message(text, thread=thread))
    assert await waiting_since() == (await message_times())[1]
    await desk.hand_back(accepted.conversation_id, "grace")
    assert await waiting_since() is None, "the FTE answers now"


async def test_what_a_person_assigned_the_fte_leaves_alone(database: Database) -> None:
    message = form_message()
    accepted = await Inbox(database).accept(message)
    desk = Desk(database)

    async def turn(category: Category, priority: Priority) -> tuple[str, str]:
        turns, claim, context = await begin(database, accepted.customer_id)
        decision = replace(reply_to(context), category=category, priority=priority)
        await turns.commit(claim, context, decision, allow_rerun=False)
        await Inbox(database).accept(form_message("more", thread=message.thread_key))
        standing = await DeskViews(database).fetch_standing(accepted.conversation_id)
        return standing.category, standing.priority

    assert await turn(Category.TECHNICAL, Priority.HIGH) == ("technical", "high")
    await desk.triage(accepted.conversation_id, "grace", Category.BILLING, None)
    assert await turn(Category.ACCOUNT, Priority.URGENT) == ("billing", "urgent")
    await desk.triage(accepted.conversation_id, "grace", None, Priority.LOW)
    assert await turn(Category.ACCOUNT, Priority.URGENT) == ("billing", "low")
    await desk.triage(accepted.conversation_id, "linus", Category.FEEDBACK, Priority.MEDIUM)
    assert await turn(Category.ACCOUNT, Priority.URGENT) == ("feedback", "medium")
    assert await fetch_value(database, "SELECT assigned_by FROM tickets") == "linus"
    count = "SELECT count(*) FROM events WHERE payload ->> 'action' = 'triaged'"
    assert await fetch_value(database, count) == 3
    with pytest.raises(NotFound):
        await desk.triage(ConversationId(uuid.uuid4()), "grace", Category.BILLING, None)


async def test_assigning_leaves_a_running_turn_alone(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    await Desk(database).triage(accepted.conversation_id, "grace", Category.BILLING, Priority.LOW)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    assert await fetch_value(database, "SELECT count(*) FROM outbox") == 1


@pytest.mark.parametrize("message", [form_message(), whatsapp_message("+15550140"), mail_message()])
async def test_takeover_beats_a_running_turn_on_every_channel(database: Database, message: InboundMessage) -> None:
    accepted = await Inbox(database).accept(message)
    turns, claim, context = await begin(database, accepted.customer_id)
    await Desk(database).take(accepted.conversation_id, "grace")
    for decide in (reply_to, escalate):
        with pytest.raises(FenceLost):
            await turns.commit(claim, context, decide(context), allow_rerun=False)
    await Desk(database).reply(accepted.conversation_id, "grace", "I am with you.")
    assert await fetch_value(database, "SELECT count(*) FROM outbox") == 1
    (item,) = await Outbox(database).claim(10)
    assert (item.body, item.channel) == ("I am with you.", message.channel)
    assert item.identity.value == message.identity.value


async def test_takeover_cancels_what_was_written_and_not_sent(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    await Desk(database).take(accepted.conversation_id, "grace")
    assert await Outbox(database).claim(10) == []
    view = await DeskViews(database).fetch_conversation(accepted.conversation_id)
    assert [message.delivery for message in view.messages] == [None, "cancelled"]


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
