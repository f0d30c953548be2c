"""`fte status` beside a copy that says it runs: plain when piped, live in a terminal, and gone with Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from crm.database import Database
from crm.inbox import Inbox
from serve_app.settings import inherited_environment
from serve_app.supervisor.lock import HomeLock, RunningCopy
from tests.e2e.sites import serving
from tests.integration.http_spine import answer_due
from tests.integration.spine import escalate, form_message, reply_to

_LEAVES_THE_VIEW = b"\x1b[?1049l"
_SHOWS_THE_CURSOR = b"\x1b[?25h"


async def answer_health(_: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


async def answer_applications(request: Request) -> JSONResponse:
    """As Serve's REST interface does, cut to what is read."""
    if request.headers["authorization"] != "Bearer ray-token":
        return JSONResponse({}, 401)
    agent = {
        "replicas": [{"replica_id": "a", "state": "RUNNING"}, {"replica_id": "b", "state": "STARTING"}],
        "target_num_replicas": 2,
        "deployment_config": {"autoscaling_config": {"min_replicas": 1, "max_replicas": 4}},
    }
    return JSONResponse(
        {"applications": {"fte": {"status": "RUNNING", "message": "", "deployments": {"Agent": agent}}}}
    )


@pytest.fixture
async def address() -> AsyncIterator[str]:
    routes = [Route("/health", answer_health), Route("/api/serve/applications/", answer_applications)]
    async with serving(Starlette(routes=routes)) as address:
        yield address


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ray_token").write_text("ray-token")
    return tmp_path


@pytest.fixture
def environment(home: Path, database_url: str) -> dict[str, str]:
    parts = urlsplit(database_url)
    return inherited_environment(
        {
            "FTE_HOME": str(home),
            "POSTGRES_HOST": parse_qs(parts.query)["host"][0],
            "POSTGRES_DB": parts.path.strip("/"),
            "TERM": "xterm-256color",
            "COLUMNS": "110",
            "LINES": "50",
        }
    )


@contextmanager
def announced(home: Path, address: str) -> Iterator[None]:
    """This process poses as `fte up`."""
    lock = HomeLock(home)
    lock.take()
    lock.announce(RunningCopy(os.getpid(), 0, f"{address}/", address, ""))
    try:
        yield
    finally:
        lock.release()


class Terminal:
    """A command that believes in a terminal; `screen` is all that it wrote to it."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process = process
        self.screen = b""
        self._master = master

    @classmethod
    async def start(cls, environment: dict[str, str], *options: str) -> Terminal:
        master, slave = pty.openpty()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "serve_app", "status", *options),
            stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        return cls(process, master)

    async def read_until(self, pattern: bytes, times: int = 1) -> None:
        async with asyncio.timeout(60):
            while len(re.findall(pattern, self.screen)) < times:
                self.screen += await asyncio.to_thread(os.read, self._master, 65_536)

    async def finish(self) -> int:
        """Read to the end of what it wrote; returns its status."""
        async with asyncio.timeout(60):
            while True:
                try:
                    self.screen += await asyncio.to_thread(os.read, self._master, 65_536)
                except OSError:  # how Linux tells that the other side is closed
                    break
            os.close(self._master)
            return await self.process.wait()


async def run_piped(environment: dict[str, str], *options: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "serve_app", "status", *options), stdout=asyncio.subprocess.PIPE, env=environment
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_piped_it_is_plain_and_once(
    database: Database, environment: dict[str, str], home: Path, address: str
) -> None:
    for decide in (reply_to, escalate):
        await Inbox(database).accept(form_message())
        await answer_due(database, decide)
    await Inbox(database).accept(form_message())
    with announced(home, address):
        code, text = await run_piped(environment)
        json_code, as_json = await run_piped(environment, "--json")
    assert (code, json_code) == (0, 0)
    assert "\x1b" not in text
    assert "1 waiting, the oldest for" in text
    assert "2 a minute" in text
    assert re.search(r"escalations +1 waiting", text)
    assert "Agent: 1 of 2 replicas run" in text
    snapshot = json.loads(as_json)
    assert snapshot["deployments"] == {"Agent": {"running": 1, "wanted": 2, "least": 1, "most": 4}}
    assert snapshot["figures"]["activity"]["turns_last_minute"] == 2
    assert snapshot["figures"]["escalations"]["open"] == 1
    assert snapshot["figures"]["channels"]["web_form"]["messages"] == 3


async def test_a_database_that_is_away_is_a_problem_and_no_failure(
    environment: dict[str, str], home: Path, address: str
) -> None:
    with announced(home, address):
        code, text = await run_piped({**environment, "POSTGRES_HOST": "/nonexistent"})
    assert code == 0
    assert "the database does not answer" in text
    assert "Agent" in text


async def test_in_a_terminal_it_lives_until_ctrl_c(
    database: Database, environment: dict[str, str], home: Path, address: str
) -> None:
    with announced(home, address):
        terminal = await Terminal.start(environment, "--every", "0.5")
        await terminal.read_until(rb"0 waiting")
        await Inbox(database).accept(form_message())
        await terminal.read_until(rb"1 waiting, the oldest for")
        terminal.process.send_signal(signal.SIGINT)
        assert await terminal.finish() == 0
    assert b"Traceback" not in terminal.screen
    assert _LEAVES_THE_VIEW in terminal.screen
    assert terminal.screen.rindex(_SHOWS_THE_CURSOR) > terminal.screen.index(b"waiting")


async def test_the_view_ends_with_what_it_shows(environment: dict[str, str], home: Path, address: str) -> None:
    with announced(home, address):
        terminal = await Terminal.start(environment, "--every", "0.5")
        await terminal.read_until(rb"0 waiting")
    assert await terminal.finish() == 1
    after = terminal.screen.rpartition(_LEAVES_THE_VIEW)[2]
    assert b"nothing is running; start it with `fte up`" in after
