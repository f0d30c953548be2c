"""A database for one command: migrated, empty, gone afterwards. What is stored is never touched."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.times import Times

if TYPE_CHECKING:
    from crm.database import Database


@asynccontextmanager
async def open_scratch_database(times: Times, application_name: str) -> AsyncIterator[Database]:
    """A migrated database on a PostgreSQL of its own, in a temporary folder."""
    from crm.database import Database
    from crm.embedded import EmbeddedServer
    from crm.migrations import migrate

    home = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="fte-scratch-"))
    server = EmbeddedServer(home)
    try:
        await asyncio.to_thread(home.chmod, 0o755)  # under root the server runs as another user
        dsn = await asyncio.to_thread(server.start)
        await migrate(dsn)
        database = Database(dsn, times.unhurried(), application_name)
        try:
            yield database
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
