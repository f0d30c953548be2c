"""What tests get for a database: nothing of the test before is in it, whatever that did."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from agent.times import Times
from crm.audit import audit
from crm.database import Database
from crm.embedded import EmbeddedServer
from crm.inbox import Inbox
from tests.databases import Databases
from tests.integration.spine import form_message

_WHAT_IS_THERE = """
SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM messages) + (SELECT count(*) FROM tickets) AS rows,
    (SELECT last_value || ' ' || is_called FROM ticket_numbers) AS number,
    (SELECT array_agg(c::text ORDER BY c::text) FROM channel_configs AS c) AS settings,
    (SELECT array_agg(m::text ORDER BY m::text) FROM migrations AS m) AS migrations,
    (SELECT array_agg(oid::regprocedure::text || prosrc ORDER BY oid) FROM pg_proc
     WHERE pronamespace = 'public'::regnamespace) AS functions,
    (SELECT array_agg(format('%s %s %s', tgrelid::regclass, tgname, tgenabled) ORDER BY tgrelid, tgname)
     FROM pg_trigger) AS triggers,
    (SELECT array_agg(format('%s %s', conrelid::regclass, conname) ORDER BY conrelid, conname)
     FROM pg_constraint WHERE connamespace = 'public'::regnamespace) AS constraints,
    (SELECT array_agg(relname::text ORDER BY relname) FROM pg_class WHERE relkind IN ('r', 'i', 'S')) AS relations,
    current_setting('work_mem') AS work_mem
"""
WRITES = {
    "rows": "INSERT INTO customers DEFAULT VALUES",
    "a row that its guard keeps": "INSERT INTO customers DEFAULT VALUES; INSERT INTO work (customer_id) "
    "SELECT customer_id FROM customers",
    "a sequence": "SELECT nextval('ticket_numbers') FROM generate_series(1, 5)",
    "an identity": "SELECT nextval(pg_get_serial_sequence('events', 'event_id'))",
    "a setting": "UPDATE channel_configs SET quiet_window_ms = 1, quiet_cap_ms = 1",
    "a setting less": "DELETE FROM channel_configs WHERE channel = 'email'",
    "a table": "CREATE TABLE further (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text UNIQUE)",
    "an embedding model": "SELECT register_embedding_model('test', 'vectors_test', 3)",
    "a setting more": "DELETE FROM migrations; INSERT INTO migrations (name, sha256) VALUES ('x', 'x')",
}
CHANGES = {
    "a table that leans on another": "CREATE TABLE further (channel text REFERENCES channel_configs)",
    "a table with a view": "CREATE TABLE further (id integer); CREATE VIEW furthest AS SELECT * FROM further",
    "a view": "CREATE VIEW further AS SELECT * FROM customers",
    "a table less": "DROP TABLE customer_merges",
    "a column": "ALTER TABLE customers ADD COLUMN further integer",
    "a function": "CREATE OR REPLACE FUNCTION uuid_of_nobody() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid'",
    "a constraint": "ALTER TABLE messages DROP CONSTRAINT messages_seq_key",
    "a guard": "ALTER TABLE messages DISABLE TRIGGER ALL",
    "an index": "DROP INDEX messages_provider_key",
    "a default": "ALTER TABLE customers ALTER COLUMN customer_id SET DEFAULT '00000000-0000-0000-0000-000000000000'",
    "a name": "COMMENT ON TABLE customers IS 'other'",
    "a large object": "SELECT lo_create(0)",
    "more than is worth to remove": "INSERT INTO customers SELECT FROM generate_series(1, 3000)",
}


@pytest.fixture
async def databases(postgres_server: EmbeddedServer) -> AsyncIterator[Databases]:
    """Of this test's own: what is lent next is what was lent before, or new."""
    databases = Databases(postgres_server)
    yield databases
    await databases.close()


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(sql)
    await connection.close()


async def what_is_there(url: str) -> asyncpg.Record | None:
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow(_WHAT_IS_THERE)
    await connection.close()
    return row


async def oid(url: str) -> int:
    """Which database this is, under whatever name."""
    connection = await asyncpg.connect(url)
    found: int = await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
    await connection.close()
    return found


@pytest.mark.parametrize("written", WRITES)
async def test_what_was_written_is_gone_and_the_database_is_used_again(databases: Databases, written: str) -> None:
    async with databases.lend() as url:
        before, first = await what_is_there(url), await oid(url)
        await execute(url, WRITES[written])
    async with databases.lend() as url:
        assert await what_is_there(url) == before
        assert await oid(url) == first


@pytest.mark.parametrize("changed", CHANGES)
async def test_a_database_whose_schema_was_changed_is_not_used_again(databases: Databases, changed: str) -> None:
    async with databases.lend() as url:
        before, first = await what_is_there(url), await oid(url)
        await execute(url, CHANGES[changed])
    async with databases.lend() as url:
        assert await what_is_there(url) == before
        assert await oid(url) != first


async def test_a_setting_of_the_database_does_not_stay(databases: Databases) -> None:
    async with databases.lend() as url:
        before = await what_is_there(url)
        await execute(url, f"ALTER DATABASE \"{urlsplit(url).path[1:]}\" SET work_mem = '1MB'")
    async with databases.lend() as url:
        assert await what_is_there(url) == before


async def test_the_same_statements_give_the_same_numbers_again(databases: Databases, times: Times) -> None:
    tickets = []
    for _ in range(3):
        async with databases.lend() as url:
            database = Database(url, times)
            accepted = await Inbox(database).accept(form_message())
            tickets.append(accepted.ticket_id)
            report = await audit(database, [], settled=False)
            assert report.counts["inbound"] == 1
            await database.close()
    assert len(set(tickets)) == 1


async def test_who_is_left_over_is_cut_and_finds_nothing_any_more(databases: Databases) -> None:
    async with databases.lend() as old:
        idle = await asyncpg.connect(old)
        within = await asyncpg.connect(old)
        await within.execute("BEGIN; INSERT INTO customers DEFAULT VALUES; LISTEN further")
    for left in (idle, within):
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.InterfaceError)):
            await left.execute("COMMIT")
        left.terminate()
    async with databases.lend():
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(old)


async def test_two_that_are_lent_at_once_are_two(databases: Databases) -> None:
    async with databases.lend() as one, databases.lend() as other:
        await execute(one, WRITES["rows"])
        assert await oid(one) != await oid(other)
        found = await what_is_there(other)
        assert found is not None
        assert found["rows"] == 0
