"""Systems to load: each a copy of its own, with its own FTE_HOME, database and ports, gone when the block ends."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

from agent.errors import ConfigurationInvalid
from agent.times import Times
from crm.database import Database
from crm.embedded import EmbeddedServer
from load.http_client import HttpClient
from load.waiting import wait_until
from serve_app.settings import CHECKOUT, inherited_environment, key_files
from serve_app.supervisor.lock import HomeLock
from serve_app.supervisor.serve_client import ServeClient

_UP = (sys.executable, "-m", "serve_app", "up")
_START_PATIENCE_S = 240.0
_STOP_PATIENCE_S = 60.0
_HOST = "127.0.0.1"
# Empty counts as not given, so nothing of the caller's own configuration reaches a measured system.
_UNSET = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "KAFKA_BOOTSTRAP_SERVERS", "TWILIO_ACCOUNT_SID",
    "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_NUMBER", "GMAIL_CREDENTIALS_PATH", "FTE_GMAIL_MAILBOX",
    "POSTGRES_PASSWORD", "POSTGRES_PORT", "POSTGRES_USER", "API_BASE_URL", "FTE_TIMES", "FTE_LOCK_SHARDS",
    "FTE_OPERATOR_KEY", "FTE_TOKEN_SECRET", "FTE_EMBEDDING_MODEL", "FTE_MODEL_API", "FTE_MODEL_TEMPERATURE",
    "FTE_MODEL_MAX_OUTPUT_TOKENS", "FTE_MODEL_FALLBACK", "FTE_MODEL_PRICE_INPUT", "FTE_MODEL_PRICE_OUTPUT",
    "FTE_MODEL_DAILY_TOKENS", "FTE_MODEL_DAILY_COST",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class System:
    """A system that answers. `pid` is its supervisor, or the one process of the baseline; `dsn` names its database."""

    name: str
    home: Path
    port: int
    pid: int
    postgres_home: Path
    dsn: str
    database: Database
    operator_key: str

    @asynccontextmanager
    async def client(self, max_connections: int = 64) -> AsyncIterator[HttpClient]:
        client = HttpClient(_HOST, self.port, max_connections)
        try:
            yield client
        finally:
            await client.close()


@dataclass(frozen=True, slots=True)
class Starting:
    """A system that may not answer yet."""

    http: HttpClient
    _process: asyncio.subprocess.Process
    _log: Path

    def check(self) -> None:
        """Raises ConfigurationInvalid with the end of its log when it has ended."""
        if self._process.returncode is not None:
            raise ConfigurationInvalid(f"the system did not start:\n{_tail(self._log)}")


class Workbench:
    """A temporary folder with one embedded Postgres that all systems of a run share, each in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = EmbeddedServer(folder / "server")
        self._number = 0

    @asynccontextmanager
    async def serve(self, **environment: str) -> AsyncIterator[System]:
        """The whole product as `fte up` starts it. Raises ConfigurationInvalid with the end of its log."""
        async with self._started("Serve", _UP, environment) as system:
            yield system

    @asynccontextmanager
    async def baseline(self, **environment: str) -> AsyncIterator[System]:
        """The one uvicorn process of load.baseline."""
        async with self._started("baseline", [sys.executable, "-m", "load.baseline"], environment) as system:
            yield system

    def new_home(self) -> Path:
        """An empty folder for a system."""
        self._number += 1
        home = self._folder / f"home-{self._number}"
        home.mkdir()
        return home

    @asynccontextmanager
    async def starting(self, home: Path) -> AsyncIterator[Starting]:
        """The product as `fte up` starts it in `home`, with a Postgres of its own there. Waits for nothing.

        Raises ConfigurationInvalid at the end when it had to be killed.
        """
        port, log = free_port(), home / "output.log"
        given = {**_environment(home, port), "POSTGRES_HOST": "", "POSTGRES_DB": ""}
        with log.open("ab") as output:
            process = await _spawn(_UP, given, output)
            client = HttpClient(_HOST, port, 1)
            try:
                yield Starting(client, process, log)
            finally:
                await client.close()
                if not await _stop(process):
                    raise ConfigurationInvalid(f"the system did not stop in {_STOP_PATIENCE_S:g} s:\n{_tail(log)}")

    @asynccontextmanager
    async def stub_model(self, latency_s: float) -> AsyncIterator[dict[str, str]]:
        """A slow language model; yields the environment that makes a system use it."""
        port = free_port()
        command = [sys.executable, "-m", "load.stub_model", str(port), str(latency_s)]
        with (self._folder / f"stub-{port}.log").open("wb") as log:
            process = await _spawn(command, {}, log)
            try:
                await wait_until(lambda: _answers(port), _START_PATIENCE_S)
                yield {"OPENAI_API_KEY": "stub", "OPENAI_BASE_URL": f"http://{_HOST}:{port}/v1"}
            finally:
                await _stop(process)

    @asynccontextmanager
    async def _started(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncIterator[System]:
        home = self.new_home()
        dsn = await asyncio.to_thread(self._server.start, f"load_{self._number}")
        port = free_port()
        given = {
            **_environment(home, port),
            "POSTGRES_HOST": parse_qs(urlsplit(dsn).query)["host"][0],
            "POSTGRES_DB": f"load_{self._number}",
            **environment,
        }
        log = (home / "output.log").open("wb")
        process = await _spawn(command, given, log)
        database = Database(dsn, Times(statement_timeout_s=9.0), "fte-load")
        try:
            await _wait_until_announced(process, home, home / "output.log")
            key = key_files(home)["operator_key"].read_text(encoding="utf-8").strip()
            yield System(name, home, port, process.pid, self._folder / "server", dsn, database, key)
        finally:
            await database.close()
            await _stop(process)
            log.close()

    def remove(self) -> None:
        """Stop Postgres and delete everything. Not for a running event loop."""
        self._server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@asynccontextmanager
async def workbench() -> AsyncIterator[Workbench]:
    """Gone with all its processes and data when the block ends."""
    bench = Workbench(_temporary_folder())
    try:
        yield bench
    finally:
        await asyncio.to_thread(bench.remove)


def _temporary_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fte-load-"))
    folder.chmod(0o755)  # an embedded Postgres of root runs as another user
    return folder


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(home: Path, port: int) -> dict[str, str]:
    return {
        **dict.fromkeys(_UNSET, ""),
        "ENVIRONMENT": "test",
        "LOG_LEVEL": "WARNING",
        "FTE_HOME": str(home),
        "API_HOST": _HOST,
        "API_PORT": str(port),
    }


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def _spawn(command: Sequence[str], environment: dict[str, str], log: IO[bytes]) -> asyncio.subprocess.Process:
    # A session of its own: Ctrl-C is for the bench, which then stops what it started.
    return await asyncio.create_subprocess_exec(
        *command, cwd=CHECKOUT, env=inherited_environment(environment), stdin=asyncio.subprocess.DEVNULL,
        stdout=log, stderr=asyncio.subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip


async def _wait_until_announced(process: asyncio.subprocess.Process, home: Path, log: Path) -> None:
    lock = HomeLock(home)

    async def announced_or_ended() -> bool:
        return lock.running_copy() is not None or process.returncode is not None

    ready = await wait_until(announced_or_ended, _START_PATIENCE_S)
    if process.returncode is not None:
        raise ConfigurationInvalid(f"the system did not start:\n{_tail(log)}")
    if not ready:
        raise ConfigurationInvalid(f"the system was not ready in {_START_PATIENCE_S:g} s:\n{_tail(log)}")


async def _stop(process: asyncio.subprocess.Process) -> bool:
    """As Ctrl-C does; False when it did not end in time and was killed."""
    if process.returncode is not None:
        return True
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_PATIENCE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
    return True


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-3000:]


def serve_client_of(system: System) -> ServeClient:
    """The declarative interface of a running system's Serve."""
    copy = HomeLock(system.home).running_copy()
    assert copy is not None, "a system that was yielded has announced itself"
    return ServeClient(copy.dashboard_url, system.home / "keys" / "ray_token")
