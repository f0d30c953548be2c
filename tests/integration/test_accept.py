"""Accept: deduplication, identities, tickets and queueing (invariants 1, 2 and 7)."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import re

import asyncpg
import pytest

from agent.errors import Conflict, DatabaseAway
from agent.records import ConversationState
from agent.times import Times
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.work import WorkQueue
from tests.integration.spine import form_message, whatsapp_message


async def count(database: Database, table: str) -> int:
    async with database.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")


async def test_message_is_stored_queued_and_has_a_ticket(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    assert re.fullmatch(r"TF-\d{8}-0001", accepted.ticket_id)
    assert not accepted.duplicate
    assert accepted.expected_response_minutes == 5
    assert await WorkQueue(database).fetch_due(10) == [accepted.customer_id]
    assert await count(database, "events") == 2


async def test_redelivery_makes_nothing_new(database: Database) -> None:
    message = form_message()
    first = await Inbox(database).accept(message)
    again = await Inbox(database).accept(message)
    assert again == dataclasses.replace(first, duplicate=True)
    assert await count(database, "messages") == 1


async def test_twenty_copies_at_once_make_one_message(database: Database, database_url: str, times) -> None:
    replicas = [Database(database_url, times, f"replica-{n}") for n in range(4)]
    message = whatsapp_message("+15550100")
    results = await asyncio.gather(*(Inbox(replicas[n % 4]).accept(message) for n in range(20)))
    assert sum(not result.duplicate for result in results) == 1
    assert len({result.message_id for result in results}) == 1
    for table in ("messages", "conversations", "customers", "customer_identifiers", "tickets", "work"):
        assert await count(database, table) == 1, table
    for replica in replicas:
        await replica.close()


async def test_twenty_first_messages_of_one_sender_open_one_conversation(database: Database) -> None:
    results = await asyncio.gather(*(Inbox(database).accept(whatsapp_message("+15550101")) for _ in range(20)))
    assert len({result.conversation_id for result in results}) == 1
    assert await count(database, "messages") == 20
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT seq FROM messages ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 21))


async def test_same_key_with_another_request_is_a_conflict(database: Database) -> None:
    message = dataclasses.replace(form_message(), request_hash=b"a" * 32)
    await Inbox(database).accept(message)
    with pytest.raises(Conflict):
        await Inbox(database).accept(dataclasses.replace(message, request_hash=b"b" * 32))


async def test_unverified_identity_never_joins_a_customer(database: Database) -> None:
    inbox = Inbox(database)
    first = await inbox.accept(form_message())
    second = await inbox.accept(form_message())
    assert first.customer_id != second.customer_id


async def test_resolved_conversation_reopens_within_the_window_only(database: Database) -> None:
    inbox, desk = Inbox(database), Desk(database)
    first = await inbox.accept(whatsapp_message("+15550102"))
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO outcomes (outcome_id, conversation_id, kind, fence) SELECT uuidv7(), $1, 'reply', 0",
            first.conversation_id,
        )
        await connection.execute("UPDATE messages SET outcome_id = (SELECT outcome_id FROM outcomes)")
    await desk.resolve(first.conversation_id, "ada")
    again = await inbox.accept(whatsapp_message("+15550102"))
    assert again.conversation_id == first.conversation_id
    async with database.connection() as connection:
        state = await connection.fetchval("SELECT state FROM conversations")
        assert state == ConversationState.OPEN
        await connection.execute(
            "UPDATE conversations SET state = 'resolved', resolved_at = now() - interval '73 hours'"
        )
    later = await inbox.accept(whatsapp_message("+15550102"))
    assert later.conversation_id != first.conversation_id
    assert later.ticket_id != first.ticket_id
    assert later.customer_id == first.customer_id


async def test_ticket_numbers_start_anew_each_day_and_grow_past_four_digits(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("SELECT setval('ticket_numbers', 500)")
        await connection.execute("INSERT INTO ticket_days VALUES (current_date - 1, 400)")
        assert (await connection.fetchval("SELECT next_ticket_id()")).endswith("-0001")
        await connection.execute("SELECT setval('ticket_numbers', 20000)")
        assert re.fullmatch(r"TF-\d{8}-\d{5}", await connection.fetchval("SELECT next_ticket_id()"))


async def test_quiet_window_waits_from_the_first_message_and_is_capped(database: Database) -> None:
    inbox = Inbox(database)
    async with database.connection() as connection:
        shipped = await connection.fetchrow(
            "SELECT quiet_window_ms, quiet_cap_ms FROM channel_configs WHERE channel = 'whatsapp'"
        )
        # So long that it does not end while the test looks.
        await connection.execute(
            "UPDATE channel_configs SET quiet_window_ms = 100 * quiet_window_ms, quiet_cap_ms = 100 * quiet_cap_ms"
        )
    assert shipped is not None
    assert tuple(shipped) == (1_000, 4_000)
    await inbox.accept(whatsapp_message("+15550103"))
    assert await WorkQueue(database).fetch_due(10) == []
    wait = await WorkQueue(database).seconds_until_due()
    assert wait is not None
    assert 10 < wait <= 100
    async with database.connection() as connection:
        due_at = await connection.fetchval(
            "UPDATE work SET burst_began_at = clock_timestamp() - interval '390 s' RETURNING due_at"
        )
    await inbox.accept(whatsapp_message("+15550103"))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT due_at FROM work") == due_at, "the cap keeps it from waiting on"


async def test_fresh_message_does_not_wait_for_an_earlier_failure(database: Database) -> None:
    message = form_message()
    await Inbox(database).accept(message)
    async with database.connection() as connection:
        await connection.execute("UPDATE work SET attempts_dependency = 5, due_at = now() + interval '15 s'")
    await Inbox(database).accept(form_message(thread=message.thread_key))
    assert len(await WorkQueue(database).fetch_due(10)) == 1


async def test_messages_that_arrive_together_share_transactions(database: Database) -> None:
    inbox = Inbox(database)
    messages = [form_message(f"message {n}") for n in range(40)]
    accepted = await asyncio.gather(*(inbox.accept(message) for message in messages))
    async with database.connection() as connection:
        stored = {
            row["message_id"]: row["body"] for row in await connection.fetch("SELECT message_id, body FROM messages")
        }
        transactions = await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM messages")
    assert [stored[each.message_id] for each in accepted] == [message.body for message in messages]
    assert transactions < 10


async def test_one_bad_message_spoils_none_of_those_it_came_with(database: Database) -> None:
    inbox = Inbox(database)
    messages = [form_message() for _ in range(20)]
    messages[11] = dataclasses.replace(messages[11], body="x" * 100_001)
    results = await asyncio.gather(*(inbox.accept(message) for message in messages), return_exceptions=True)
    assert [n for n, result in enumerate(results) if isinstance(result, BaseException)] == [11]
    assert isinstance(results[11], asyncpg.CheckViolationError)
    assert not any(result.duplicate for result in results if not isinstance(result, BaseException)), "all or nothing"
    assert await count(database, "messages") == 19


async def test_shuffled_copies_on_two_replicas_collide_and_are_found(
    database: Database, database_url: str, times: Times
) -> None:
    """Shared transactions that want the same keys in different orders end in one message each."""
    replicas = [Database(database_url, times, f"replica-{n}") for n in range(2)]
    inboxes = [Inbox(replica) for replica in replicas]
    messages = [whatsapp_message(f"+155501{n:02}") for n in range(30)]
    shuffled = random.Random(11).sample(messages, len(messages))
    results = await asyncio.gather(
        *(inboxes[0].accept(message) for message in messages), *(inboxes[1].accept(message) for message in shuffled)
    )
    assert len({result.message_id for result in results}) == await count(database, "messages") == 30
    assert sum(result.duplicate for result in results) == 30
    for replica in replicas:
        await replica.close()


async def test_an_outage_refuses_all_who_wait_together(times: Times) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing", times)
    inbox = Inbox(away)
    results = await asyncio.gather(*(inbox.accept(form_message()) for _ in range(5)), return_exceptions=True)
    assert [type(result) for result in results] == [DatabaseAway] * 5
    await away.close()


async def test_a_person_is_never_the_victim_of_messages_that_share_a_transaction(
    database: Database, database_url: str, times: Times
) -> None:
    """They hold one customer and wait for another, whom somebody holds who waits for the first."""
    inbox, desk = Inbox(database), Database(database_url, times, "desk")
    first, second = [await inbox.accept(form_message(thread=thread)) for thread in ("first", "second")]
    lock = "SELECT FROM work WHERE customer_id = $1 FOR UPDATE"
    async with desk.transaction() as connection:
        # Of those who wait in a circle the server ends the one who looks first.
        await connection.execute("SET LOCAL deadlock_timeout = '400ms'")
        await connection.execute(lock, second.customer_id)
        # Two take the lanes; the others then share a transaction.
        threads = (None, None, "first", "second")
        accepting = asyncio.gather(*(inbox.accept(form_message(thread=thread)) for thread in threads))
        while not await count_waiting(database):  # noqa: ASYNC110  # the server tells nobody
            await asyncio.sleep(0)
        await connection.execute(lock, first.customer_id)
    assert not any(accepted.duplicate for accepted in await accepting)
    assert await count(database, "messages") == 6
    await desk.close()


async def count_waiting(database: Database) -> int:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
