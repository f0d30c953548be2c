"""Claim to commit: one turn at a time, whole or not at all, every message one outcome (invariants 3, 4, 5, 7)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from agent.errors import FenceLost
from agent.records import (
    Claim,
    CommitStatus,
    ConversationState,
    CustomerId,
    FailureCause,
    OutcomeKind,
    TurnContext,
)
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.merge import merge_customers
from crm.turns import PostgresTurns
from crm.work import Backlog, WorkQueue
from tests.integration.spine import escalate, form_message, reply_to, whatsapp_message


async def begin(database: Database, customer_id: CustomerId) -> tuple[PostgresTurns, Claim, TurnContext]:
    turns = PostgresTurns(database)
    await make_due(database)
    claim = await turns.claim(customer_id, "test")
    assert claim is not None
    context = await turns.gather(claim)
    assert context is not None
    return turns, claim, context


async def make_due(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE work SET due_at = least(due_at, now()) WHERE due_at IS NOT NULL")


async def expire_leases(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE work SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")


async def fetch_value(database: Database, sql: str, *arguments: Any) -> Any:
    async with database.connection() as connection:
        return await connection.fetchval(sql, *arguments)


async def test_the_backlog_tells_what_waits_from_what_is_in_hand(database: Database) -> None:
    queue = WorkQueue(database)
    assert await queue.fetch_backlog() == Backlog(0, 0.0, 0)
    accepted = [await Inbox(database).accept(whatsapp_message(f"+4915100000{number}")) for number in range(3)]
    await begin(database, accepted[0].customer_id)
    backlog = await queue.fetch_backlog()
    assert (backlog.depth, backlog.in_hand) == (2, 1)
    assert backlog.oldest_s > 0
    await expire_leases(database)
    backlog = await queue.fetch_backlog()
    assert (backlog.depth, backlog.in_hand) == (3, 0)


async def test_turn_writes_outcome_reply_and_metrics_together(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    assert context.text == "How do I create a board?"
    assert await turns.commit(claim, context, reply_to(context), allow_rerun=True) is CommitStatus.COMMITTED
    assert await fetch_value(database, "SELECT kind FROM outcomes") == "reply"
    assert await fetch_value(database, "SELECT count(*) FROM outbox WHERE state = 'pending'") == 1
    assert await fetch_value(database, "SELECT status FROM tickets") == "in_progress"
    assert await fetch_value(database, "SELECT count(*) FROM agent_metrics WHERE kind = 'turn'") == 1
    assert await WorkQueue(database).seconds_until_due() is None


async def test_second_claim_of_the_same_customer_gets_nothing(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, _ = await begin(database, accepted.customer_id)
    assert await turns.claim(accepted.customer_id, "other") is None
    assert await turns.renew(claim)


async def test_zombie_with_an_old_fence_writes_nothing(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, old, context = await begin(database, accepted.customer_id)
    await expire_leases(database)
    _, new, again = await begin(database, accepted.customer_id)
    assert not await turns.renew(old)
    with pytest.raises(FenceLost):
        await turns.commit(old, context, reply_to(context), allow_rerun=False)
    with pytest.raises(FenceLost):
        await turns.gather(old)
    await turns.fail(old, FailureCause.MESSAGE, "zombie")
    await turns.release(old)
    await turns.commit(new, again, reply_to(again), allow_rerun=False)
    assert await fetch_value(database, "SELECT count(*) FROM outbox") == 1


async def test_burst_is_one_conversation_in_seq_order(database: Database) -> None:
    inbox = Inbox(database)
    first = await inbox.accept(whatsapp_message("+15550110", "one"))
    form = await inbox.accept(form_message("two"))
    await merge_customers(database, form.customer_id, first.customer_id, "test")
    await inbox.accept(whatsapp_message("+15550110", "three"))
    seen = []
    for _ in range(3):
        turns, claim, context = await begin(database, first.customer_id)
        seen.append(context.text)
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    assert seen == ["one", "two", "three"]


async def test_newer_message_asks_for_one_rerun(database: Database) -> None:
    message = form_message("one")
    accepted = await Inbox(database).accept(message)
    turns, claim, context = await begin(database, accepted.customer_id)
    await Inbox(database).accept(form_message("two", thread=message.thread_key))
    assert await turns.commit(claim, context, reply_to(context), allow_rerun=True) is CommitStatus.NEWER_MESSAGES
    assert await fetch_value(database, "SELECT count(*) FROM outcomes") == 0
    grown = await turns.gather(claim)
    assert grown is not None
    assert grown.text == "one\ntwo"
    await Inbox(database).accept(form_message("three", thread=message.thread_key))
    assert await turns.commit(claim, grown, reply_to(grown), allow_rerun=False) is CommitStatus.COMMITTED
    assert await WorkQueue(database).fetch_due(10) == [accepted.customer_id]


async def test_takeover_beats_a_running_turn(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    await Desk(database).take(accepted.conversation_id, "grace")
    with pytest.raises(FenceLost):
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    turns, claim, context = await begin(database, accepted.customer_id)
    assert context.state is ConversationState.ESCALATED
    assert await fetch_value(database, "SELECT count(*) FROM outbox") == 0


async def test_opt_out_beats_a_running_turn(database: Database) -> None:
    accepted = await Inbox(database).accept(whatsapp_message("+15550111"))
    turns, claim, context = await begin(database, accepted.customer_id)
    async with database.connection() as connection:
        await connection.execute("UPDATE customer_identifiers SET opted_out_at = now()")
    with pytest.raises(FenceLost):
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    again = await turns.gather(claim)
    assert again is not None
    assert again.opted_out


async def test_escalation_is_one_live_row_and_counts_once(database: Database) -> None:
    message = form_message()
    accepted = await Inbox(database).accept(message)
    for _ in range(2):
        turns, claim, context = await begin(database, accepted.customer_id)
        await turns.commit(claim, context, escalate(context), allow_rerun=False)
        await Inbox(database).accept(form_message(thread=message.thread_key))
    assert await fetch_value(database, "SELECT count(*) FROM escalations") == 1
    assert await fetch_value(database, "SELECT state FROM conversations") == "escalated"


async def test_faults_of_the_message_end_with_a_person(database: Database, times) -> None:
    accepted = await Inbox(database).accept(form_message())
    for _ in range(times.message_budget):
        turns, claim, _ = await begin(database, accepted.customer_id)
        await turns.fail(claim, FailureCause.MESSAGE, "ValueError")
    assert await fetch_value(database, "SELECT kind FROM outcomes") == OutcomeKind.DEAD_LETTER
    assert await fetch_value(database, "SELECT team FROM escalations") == "technical"
    assert await fetch_value(database, "SELECT count(*) FROM outbox") == 1
    assert await fetch_value(database, "SELECT count(*) FROM events WHERE topic = 'fte.dlq'") == 1


async def test_an_outage_never_dead_letters(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    for _ in range(40):
        turns, claim, _ = await begin(database, accepted.customer_id)
        failed_at = await fetch_value(database, "SELECT clock_timestamp()")
        await turns.fail(claim, FailureCause.DEPENDENCY, "away")
        assert await fetch_value(database, "SELECT due_at FROM work") > failed_at
        wait = await WorkQueue(database).seconds_until_due()
        assert wait is not None
        assert wait <= 15.0 * 1.25
    assert await fetch_value(database, "SELECT count(*) FROM outcomes") == 0


async def test_turns_that_crash_too_often_end_with_a_person(database: Database, times) -> None:
    accepted = await Inbox(database).accept(form_message())
    for _ in range(times.crash_budget + 1):
        await begin(database, accepted.customer_id)
        await expire_leases(database)
    assert await PostgresTurns(database).claim(accepted.customer_id, "last") is None
    assert await fetch_value(database, "SELECT kind FROM outcomes") == OutcomeKind.DEAD_LETTER


async def test_history_crosses_channels_for_a_verified_identity_only(database: Database) -> None:
    inbox = Inbox(database)
    phone = await inbox.accept(whatsapp_message("+15550112", "from the phone"))
    turns, claim, context = await begin(database, phone.customer_id)
    await turns.commit(claim, context, reply_to(context, "answer on the phone"), allow_rerun=False)
    form = await inbox.accept(form_message("from the form"))
    await merge_customers(database, form.customer_id, phone.customer_id, "test")
    _, _, context = await begin(database, phone.customer_id)
    assert not context.identity.verified
    assert context.history == ()
    await inbox.accept(whatsapp_message("+15550112", "again"))
    turns, claim, context = await begin_next(database, turns, phone.customer_id)
    assert [message.body for message in context.history][:2] == ["from the phone", "answer on the phone"]


async def begin_next(
    database: Database, turns: PostgresTurns, customer_id: CustomerId
) -> tuple[PostgresTurns, Claim, TurnContext]:
    await expire_leases(database)
    turns, claim, context = await begin(database, customer_id)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    return await begin(database, customer_id)


async def test_a_message_never_gets_a_second_outcome(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO outcomes (conversation_id, kind, fence) VALUES ($1, 'reply', 9)", accepted.conversation_id
        )
        with pytest.raises(Exception, match="has an outcome already"):
            await connection.execute(
                "UPDATE messages SET outcome_id = (SELECT outcome_id FROM outcomes WHERE fence = 9) "
                "WHERE direction = 'inbound'"
            )


async def test_scores_and_ticket_fields_are_kept(database: Database) -> None:
    accepted = await Inbox(database).accept(whatsapp_message("+15550113"))
    turns, claim, context = await begin(database, accepted.customer_id)
    decision = dataclasses.replace(reply_to(context), sentiments=(-0.5,), subject="Boards", negative_streak=1)
    await turns.commit(claim, context, decision, allow_rerun=False)
    assert await fetch_value(database, "SELECT sentiment FROM messages WHERE direction = 'inbound'") == -0.5
    assert await fetch_value(database, "SELECT subject FROM tickets") == "Boards"
    assert await fetch_value(database, "SELECT negative_streak FROM conversations") == 1
