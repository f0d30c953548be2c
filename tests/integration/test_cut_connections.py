"""Connections that the server cuts, at whatever moment: always DatabaseAway, and usable again at once."""

from __future__ import annotations

import asyncio
from collections import Counter

import asyncpg

from agent.errors import DatabaseAway
from crm.database import Database

_CUTS = 40
_CUT_OTHERS = (
    "SELECT pg_terminate_backend(pid, $2) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
)


async def test_a_cut_connection_is_an_absent_database_and_nothing_else(database: Database, database_url: str) -> None:
    stopping, worked = asyncio.Event(), asyncio.Event()
    seen: Counter[str] = Counter()

    async def use() -> None:
        while not stopping.is_set():
            try:
                async with database.transaction() as connection:
                    await connection.fetchval("SELECT 1")
                seen["worked"] += 1
                worked.set()
            except DatabaseAway:
                seen["away"] += 1
            except Exception as error:
                seen[repr(error)] += 1
            await asyncio.sleep(0)

    users = [asyncio.create_task(use()) for _ in range(4)]
    admin = await asyncpg.connect(database_url)
    for _ in range(_CUTS):
        worked.clear()
        await asyncio.wait_for(worked.wait(), 60)
        await admin.fetch(_CUT_OTHERS, admin.get_server_pid(), 0)
    stopping.set()
    await asyncio.gather(*users)
    # Once more, waiting for their ends: a connection that is being cut would still be lent.
    await admin.fetch(_CUT_OTHERS, admin.get_server_pid(), 60_000)
    await admin.close()
    assert seen.keys() == {"worked", "away"}, seen
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT 1") == 1
