"""The door to Postgres: migrations run once, an outage is DatabaseAway and heals by itself."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from agent.errors import ConfigurationInvalid, DatabaseAway
from agent.times import Times
from crm.database import Database
from crm.embedded import EmbeddedServer
from crm.migrations import migrate


async def test_migrations_run_once(database_url: str) -> None:
    assert await migrate(database_url) == []


async def test_changed_migration_is_refused(database: Database, database_url: str) -> None:
    async with database.transaction() as connection:
        await connection.execute("UPDATE migrations SET sha256 = 'x' WHERE name LIKE '0001%'")
    with pytest.raises(ConfigurationInvalid, match="0001"):
        await migrate(database_url)


async def test_absent_server_is_database_away() -> None:
    database = Database("postgresql://postgres@/fte?host=/nonexistent", Times())
    with pytest.raises(DatabaseAway):
        async with database.connection():
            pass


async def test_killed_backend_is_database_away_and_the_next_use_works(database: Database, database_url: str) -> None:
    other = await asyncpg.connect(database_url)
    with pytest.raises(DatabaseAway):  # noqa: PT012  the block is the use that breaks
        async with database.transaction() as connection:
            await other.execute("SELECT pg_terminate_backend($1)", await connection.fetchval("SELECT pg_backend_pid()"))
            await connection.fetchval("SELECT 1")
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
    await other.close()


async def test_listener_hears_a_notification_and_a_lost_connection(database: Database, database_url: str) -> None:
    heard = asyncio.Event()
    await database.listen("fte_test", heard.set)
    async with database.connection() as connection:
        await connection.execute("NOTIFY fte_test")
    await asyncio.wait_for(heard.wait(), 60)
    heard.clear()
    other = await asyncpg.connect(database_url)
    await other.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fte-test-listen'"
    )
    await asyncio.wait_for(heard.wait(), 60)
    await other.close()


def test_embedded_server_starts_again_on_its_data(postgres_server: EmbeddedServer) -> None:
    assert postgres_server.running()
    assert postgres_server.start("template_fte") == postgres_server.dsn("template_fte")
