"""Fixtures shared by all tests: an embedded PostgreSQL per session, a migrated database for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from agent.times import Times
from crm.database import Database
from crm.embedded import EmbeddedServer
from crm.migrations import migrate
from tests.databases import TEMPLATE, Databases

if "PYTEST_XDIST_WORKER" in os.environ:
    # Read when torch is imported. Each worker has a core, and threads that wait for another one only turn.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Examples are the same in every run, so that a failure is the change's; `--hypothesis-profile=deep` looks further
# with new seeds. How long one takes says something about the machine only.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", _UNTIMED, derandomize=True)
settings.register_profile("deep", _UNTIMED, derandomize=False, max_examples=2000, print_blob=True)
settings.load_profile("same")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[EmbeddedServer]:
    """A PostgreSQL of its own, gone when the session ends."""
    home = Path(tempfile.mkdtemp(prefix="fte-test-"))
    home.chmod(0o755)
    server = EmbeddedServer(home)
    dsn = server.start(TEMPLATE)
    asyncio.run(migrate(dsn))
    asyncio.run(_set_up(server.dsn("postgres")))
    yield server
    server.stop()
    shutil.rmtree(home, ignore_errors=True)


async def _set_up(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    # A template with a visitor, be it autovacuum, cannot be cloned.
    await connection.execute(f'ALTER DATABASE "{TEMPLATE}" ALLOW_CONNECTIONS false')
    # Databases come and go with each test; waiting for the disk would be most of the time that takes.
    await connection.execute("ALTER SYSTEM SET fsync = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
async def databases(postgres_server: EmbeddedServer) -> AsyncIterator[Databases]:
    databases = Databases(postgres_server)
    yield databases
    await databases.close()


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database that only this test uses."""
    async with databases.lend() as url:
        yield url


@pytest.fixture(scope="module")
async def module_database_url(databases: Databases) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database that only this module uses."""
    async with databases.lend() as url:
        yield url


@pytest.fixture
def times() -> Times:
    """The product's, but that nothing ends by itself because the machine is busy."""
    return Times(acquire_connection_s=120, statement_timeout_s=120, lease_s=300, send_lease_s=300)


@pytest.fixture
async def database(database_url: str, times: Times) -> AsyncIterator[Database]:
    database = Database(database_url, times, "fte-test")
    yield database
    await database.close()
