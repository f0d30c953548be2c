"""The plan of each hot query uses its index when the tables are large."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from agent.times import Times
from crm.database import Database
from crm.queries import load_queries
from tests.databases import Databases

_FILL = """
INSERT INTO customers (customer_id) SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid
    FROM generate_series(1, 20000) AS n;
INSERT INTO customer_identifiers (identifier_id, customer_id, kind, value, verified_at)
    SELECT customer_id, customer_id, 'phone', customer_id::text, now() FROM customers;
INSERT INTO conversations (conversation_id, customer_id, identifier_id, channel, thread_key)
    SELECT customer_id, customer_id, customer_id, 'whatsapp', customer_id::text FROM customers;
INSERT INTO tickets (conversation_id, customer_id) SELECT customer_id, customer_id FROM customers;
INSERT INTO outcomes (outcome_id, conversation_id, kind, fence)
    SELECT customer_id, customer_id, 'reply', 1 FROM customers;
INSERT INTO messages
    (conversation_id, customer_id, channel, direction, author, provider_message_id, body, seq, outcome_id)
    SELECT customer_id, customer_id, 'whatsapp', 'inbound', 'customer', customer_id::text, 'x', 1, customer_id
    FROM customers;
INSERT INTO messages (message_id, conversation_id, customer_id, channel, direction, author, body)
    SELECT customer_id, customer_id, customer_id, 'whatsapp', 'outbound', 'fte', 'y' FROM customers;
INSERT INTO outbox (conversation_id, message_id, outcome_id, author, owner_epoch, send_token, state,
                    provider_message_id, finished_at)
    SELECT customer_id, customer_id, customer_id, 'fte', 0, customer_id::text, 'sent', customer_id::text, now()
    FROM customers;
INSERT INTO outbox_parts (outbox_id, part, provider_message_id) SELECT outbox_id, 0, outbox_id::text FROM outbox;
INSERT INTO delivery_events (outbox_id, part, provider_message_id, status)
    SELECT outbox_id, 0, outbox_id::text, 'sent' FROM outbox;
INSERT INTO escalations (conversation_id, reason_code, team, severity, summary, status, closed_at)
    SELECT customer_id, 'refund_request', 'billing', 'P2', 's', 'resolved', now() FROM customers;
INSERT INTO escalations (conversation_id, reason_code, team, severity, summary)
    SELECT customer_id, 'refund_request', 'billing', 'P2', 's' FROM customers
    WHERE customer_id < '00000000-0000-7000-8000-000000000020'::uuid;
INSERT INTO attachments (conversation_id, name, media_type, sha256, content)
    SELECT customer_id, 'a.png', 'image/png', sha256(customer_id::text::bytea), 'x' FROM customers;
INSERT INTO media_fetches (conversation_id, message_id, url, media_type, state, error, finished_at)
    SELECT conversation_id, message_id, 'x', 'image/png', 'failed', 'gone', now() FROM messages;
INSERT INTO quarantine (conversation_id, reasons, ending, ended_by, ended_at)
    SELECT customer_id, '{too_fast}', 'released', 'grace', now() FROM customers
    WHERE customer_id > '00000000-0000-7000-8000-000000000020'::uuid;
INSERT INTO quarantine (conversation_id, reasons)
    SELECT customer_id, '{too_fast}' FROM customers WHERE customer_id < '00000000-0000-7000-8000-000000000020'::uuid;
INSERT INTO mails (mailbox, direction, provider_key, provider_thread, message_id, root_id, fate, handled_at)
    SELECT 'support@example.com', 'inbound', customer_id::text, customer_id::text, customer_id::text, customer_id,
           'message', now() FROM customers;
INSERT INTO mails (mailbox, direction, provider_key, message_id, root_id, outbox_id, conversation_id, fate,
                   handled_at)
    SELECT 'support@example.com', 'outbound', 'o' || outbox_id, 'o' || outbox_id, outbox_id, outbox_id,
           conversation_id, 'sent', now() FROM outbox;
INSERT INTO confirmations (identifier_id, conversation_id, key, state)
    SELECT customer_id, customer_id, customer_id::text, 'asked' FROM customers;
INSERT INTO resolutions (conversation_id, kind, resolved_by) SELECT customer_id, 'assumed', 'fte' FROM customers;
UPDATE conversations SET answered_at = now() - interval '1 hour'
    WHERE customer_id < '00000000-0000-7000-8000-000000000020'::uuid;
INSERT INTO work (customer_id, seq) SELECT customer_id, 1 FROM customers;
UPDATE work SET due_at = now() WHERE customer_id < '00000000-0000-7000-8000-000000000020'::uuid;
ANALYZE;
"""
_SCANNED = "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE relname IN ('conversations', 'outbox')"
_ONE = uuid.UUID("00000000-0000-7000-8000-000000000007")
_NOW = datetime.now(UTC)
_LEASE = timedelta(seconds=10)

HOT: dict[tuple[str, str], tuple[list[Any], set[str]]] = {
    ("turns", "claim_work"): ([_ONE, _LEASE], {"work_pkey"}),
    ("turns", "renew_work"): ([_ONE, 1, _LEASE], {"work_pkey"}),
    ("turns", "fetch_turn"): ([_ONE, 0], {"work_pkey", "messages_queued", "escalations_conversation"}),
    ("turns", "fetch_customer_history"): ([_ONE, 20], {"messages_customer"}),
    ("turns", "fetch_conversation_history"): ([_ONE, 20], {"messages_conversation"}),
    ("work", "fetch_due"): ([[], 10], {"work_due"}),
    ("work", "fetch_next_wake_up"): ([[]], {"work_due"}),
    ("work", "fetch_backlog"): ([], {"work_due"}),
    ("outbox", "expire_sending"): ([], {"outbox_open"}),
    ("outbox", "claim_outbox"): ([10, _LEASE, _LEASE, None], {"outbox_open"}),
    ("outbox", "fetch_next_send"): ([None], {"outbox_open"}),
    ("outbox", "find_part"): (["SM1"], {"outbox_parts_provider"}),
    ("outbox", "fetch_known_ids"): ([["SM1"]], {"outbox_parts_provider", "delivery_events_provider"}),
    ("media", "claim_media"): ([["whatsapp"], 4, _LEASE], {"media_fetches_open"}),
    ("mails", "fetch_handled"): ([[str(_ONE)]], {"mails_provider_key"}),
    ("mails", "fetch_referenced"): (
        [[str(_ONE)], "support@example.com", str(_ONE)],
        {"mails_message_id", "mails_provider_thread", "messages_provider_key", "conversations_pkey"},
    ),
    ("mails", "fetch_left_drafts"): ([20], {"outbox_left_drafts"}),
    ("mails", "fetch_own"): ([str(_ONE), str(_ONE)], {"outbox_send_token_key", "mails_message_id"}),
    ("mails", "fetch_thread"): ([_ONE, _ONE], {"conversations_thread", "messages_conversation", "mails_conversation"}),
    ("mails", "count_replies"): (["a@example.com", _ONE], {"customer_identifiers_key", "mails_root"}),
    ("escalations", "fetch_escalations"): (
        [None, ["open", "taken"], 500],
        {"escalations_live", "messages_conversation", "outbox_conversation"},
    ),
    ("aftercare", "fetch_quiet"): (["whatsapp", _NOW, 200], {"conversations_answered", "messages_conversation"}),
    ("aftercare", "raise_again"): (
        ["whatsapp", ["P1", "P2", "P3"], [_NOW] * 3, 10, 200],
        {"escalations_live", "conversations_pkey"},
    ),
    ("escalations", "fetch_marks"): (
        [[_ONE], 500],
        {
            "escalations_live",
            "messages_conversation",
            "attachments_conversation_key",
            "quarantine_open",
            "confirmations_conversation",
            "outbox_conversation",
        },
    ),
}


def _indexes_and_scans(plan: dict[str, Any]) -> tuple[set[str], set[str]]:
    indexes = {plan["Index Name"]} if "Index Name" in plan else set()
    scans = {plan["Relation Name"]} if plan["Node Type"] == "Seq Scan" else set()
    for child in plan.get("Plans", []):
        more_indexes, more_scans = _indexes_and_scans(child)
        indexes |= more_indexes
        scans |= more_scans
    return indexes, scans


@pytest.fixture(scope="module")
async def filled_url(module_database_url: str) -> str:
    connection = await asyncpg.connect(module_database_url)
    await connection.execute(_FILL)
    await connection.close()
    return module_database_url


@pytest.fixture
async def filled(databases: Databases, filled_url: str, times: Times) -> AsyncIterator[Database]:
    async with databases.lend_copy(filled_url) as url:
        database = Database(url, times, "fte-test")
        yield database
        await database.close()


async def test_hot_queries_use_their_indexes(filled: Database) -> None:
    for (table, name), (arguments, expected) in HOT.items():
        async with filled.connection() as connection:
            text = await connection.fetchval("EXPLAIN (FORMAT JSON) " + load_queries(table)[name], *arguments)
        indexes, scans = _indexes_and_scans(json.loads(text)[0]["Plan"])
        assert not scans, f"{name} scans {scans}"
        missing = {index for index in expected if not any(used.startswith(index) for used in indexes)}
        assert not missing, f"{name} uses {indexes}, not {missing}"


def _rows_read(plan: dict[str, Any]) -> float:
    own = 0.0
    if "Relation Name" in plan:
        own = plan["Actual Loops"] * (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0))
    return own + sum(_rows_read(child) for child in plan.get("Plans", []))


async def test_messages_accepted_together_read_no_table_through(filled: Database) -> None:
    """Of one known sender, three new ones and a repetition; also with the plan that a session keeps."""
    channels = ["whatsapp", "whatsapp", "web_form", "email", "whatsapp"]
    async with filled.connection() as connection:
        for number in range(3):
            keys = [f"{number}-{n}" for n in range(4)] + [f"{number}-1"]
            senders = [str(_ONE), f"+1555{number}", "ada@example.com", f"bob{number}@example.com", f"+1555{number}"]
            threads = [
                str(_ONE),
                f"thread-{number}-1",
                f"thread-{number}-2",
                f"thread-{number}-3",
                f"thread-{number}-1",
            ]
            screened = [channel == "web_form" for channel in channels]
            async with connection.transaction():
                rows = await connection.fetch(
                    load_queries("inbox")["accept_together"],
                    *(channels, keys, threads, ["phone", "phone", "email", "email", "phone"], senders),
                    *([True, True, False, True, True], ["Ada"] * 5, ["s"] * 5, ["x"] * 5, [None] * 5, [None] * 5),
                    *([None] * 5, [False] * 5, timedelta(hours=72)),
                    *(["" if each else None for each in screened], [9 if each else None for each in screened]),
                    *([b"x" * 16 if each else None for each in screened], [9 if each else None for each in screened]),
                    [False, False, False, False, True],
                )
                scanned = await connection.fetch(
                    "SELECT relname, seq_tup_read FROM pg_stat_xact_user_tables WHERE seq_tup_read > 100"
                )
            assert not scanned, "a table was read from its begin to its end"
            assert rows[0]["customer_id"] == _ONE
            assert [row["duplicate"] for row in rows] == [False] * 4 + [True]


@pytest.mark.parametrize(("name", "arguments"), [("fetch_due", [[], 50]), ("fetch_next_wake_up", [[]])])
async def test_work_that_falls_due_later_is_not_read(filled: Database, name: str, arguments: list[Any]) -> None:
    """Each accepted message wakes the dispatcher: what it reads then must not grow with what waits."""
    async with filled.connection() as connection:
        await connection.execute(
            "UPDATE work SET due_at = now() + interval '1 hour' WHERE due_at IS NULL; ANALYZE work"
        )
        text = await connection.fetchval("EXPLAIN (ANALYZE, FORMAT JSON) " + load_queries("work")[name], *arguments)
    assert 19 <= _rows_read(json.loads(text)[0]["Plan"]) <= 25


@pytest.mark.parametrize(
    ("answer", "said", "states"),
    [
        ("confirm_identifier", "confirmed", {"held": 19_999, "pending": 1}),
        ("decline_identifier", "declined", {"held": 19_999, "cancelled": 1}),
    ],
)
async def test_who_answers_a_confirmation_waits_for_no_other_conversation(
    filled: Database, answer: str, said: str, states: dict[str, int]
) -> None:
    """What is held grows with the years, and so do conversations."""
    async with filled.connection() as connection:
        await connection.execute(
            "UPDATE customer_identifiers SET kind = 'email', verified_at = NULL, claimed = true;"
            "UPDATE outbox SET state = 'held', finished_at = NULL; ANALYZE customer_identifiers, outbox"
        )
        confirmation = await connection.fetchval(
            "SELECT confirmation_id FROM confirmations WHERE identifier_id = $1", _ONE
        )
        async with connection.transaction():
            # The view may still have what was done just before, so only the difference is this transaction's.
            before = dict(await connection.fetch(_SCANNED))
            assert await connection.fetchval(load_queries("confirmations")[answer], confirmation) == said
            after = dict(await connection.fetch(_SCANNED))
        found = await connection.fetch("SELECT state, count(*) FROM outbox GROUP BY state")
    assert after == before
    assert {row["state"]: row["count"] for row in found} == states
