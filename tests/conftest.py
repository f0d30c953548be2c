"""Fixtures shared by all tests: an embedded PostgreSQL per session, a migrated database cloned per test."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from agent.times import Times
from crm.database import Database
from crm.embedded import EmbeddedServer
from crm.migrations import migrate

TEMPLATE = "template_fte"

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


@asynccontextmanager
async def clone_template(server: EmbeddedServer) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database, dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server.dsn("postgres"))
    try:
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY WAL_LOG')
        yield server.dsn(name)
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@pytest.fixture
async def database_url(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database that only this test uses."""
    async with clone_template(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
async def module_database_url(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The DSN of a migrated, empty database that only this module uses."""
    async with clone_template(postgres_server) as url:
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
