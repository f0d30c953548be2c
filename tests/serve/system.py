"""A small copy of the whole product in a folder of its own, as `fte up` runs it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agent.errors import DependencyAway
from serve_app.options import APP_NAME
from serve_app.supervisor.lock import HomeLock, RunningCopy
from serve_app.supervisor.run_folder import port_is_free
from serve_app.supervisor.serve_client import Rollout, ServeClient

# For a machine that is slow and busy; nothing that goes well takes as long.
START_PATIENCE_S = 900.0
STOP_PATIENCE_S = 240.0
REPLY_PATIENCE_S = 240.0
_PORTS = range(32_100, 32_700)
"""Above what run folders take, and below what Linux gives to outgoing connections, so that nobody takes one by chance
between the look and the start."""


def free_port() -> int:
    return next(port for port in random.sample(_PORTS, len(_PORTS)) if port_is_free("127.0.0.1", port))


@dataclass(frozen=True)
class Question:
    """What the form got back; `ask` polls with it."""

    ticket_id: str
    access_token: str


class RunningSystem:
    """`start` to `stop` is one run; the same home can be started again."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.log = home / "up.log"
        self.environment = {"FTE_HOME": str(home), "API_PORT": str(self.port), "ENVIRONMENT": "test"}
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False)

    def start(self) -> None:
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "serve_app", "up"],
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_PATIENCE_S
        while HomeLock(self.home).running_copy() is None:
            assert self._process.poll() is None, self.log_end()
            assert time.monotonic() < deadline, self.log_end()
            time.sleep(0.1)

    def stop(self) -> int:
        """Ctrl-C; returns the exit status."""
        self.http.close()
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(STOP_PATIENCE_S)

    @property
    def supervisor_pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def copy(self) -> RunningCopy:
        copy = HomeLock(self.home).running_copy()
        assert copy is not None
        return copy

    @property
    def serve(self) -> ServeClient:
        return ServeClient(self.copy.dashboard_url, self.home / "keys" / "ray_token")

    @property
    def operator(self) -> dict[str, str]:
        key = (self.home / "keys" / "operator_key").read_text(encoding="utf-8")
        return {"Authorization": f"Bearer {key}"}

    def log_end(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]

    def ask(self, message: str, email: str = "ada@example.com", patience_s: float = REPLY_PATIENCE_S) -> Question:
        """Ask as the page does: a 503 is tried again with the same key."""
        deadline = time.monotonic() + patience_s
        key = str(uuid.uuid4())
        while (answer := self._submit(message, email, key)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            assert time.monotonic() < deadline, self.log_end()
            time.sleep(0.2)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        return Question(answer.json()["ticket_id"], answer.json()["access_token"])

    def _submit(self, message: str, email: str, key: str) -> httpx.Response:
        return self.http.post(
            "/support/submit",
            headers={"Idempotency-Key": key},
            json={
                "name": "Ada Example",
                "email": email,
                "subject": "A question",
                "category": "general",
                "priority": "medium",
                "message": message,
            },
        )

    def rollout(self) -> Rollout:
        """How far the application is; a dashboard that is late is asked again."""
        deadline = time.monotonic() + REPLY_PATIENCE_S
        while True:
            with contextlib.suppress(DependencyAway):
                rollout = self.serve.rollout(APP_NAME)
                if rollout is not None:
                    return rollout
            assert time.monotonic() < deadline, self.log_end()
            time.sleep(0.2)

    def ticket(self, question: Question) -> dict[str, Any]:
        answer = self._read(question)
        assert answer.status_code == httpx.codes.OK, answer.text
        ticket: dict[str, Any] = answer.json()
        return ticket

    def replies(self, question: Question) -> list[str]:
        return _replies_in(self.ticket(question))

    def wait_for_reply(self, question: Question, patience_s: float = REPLY_PATIENCE_S) -> str:
        """As the page waits: a 503 is no end of it."""
        deadline = time.monotonic() + patience_s
        while True:
            answer = self._read(question)
            assert answer.status_code in (httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE), answer.text
            if answer.is_success and (replies := _replies_in(answer.json())):
                return replies[0]
            assert time.monotonic() < deadline, f"no reply to {question.ticket_id}\n{self.log_end()}"
            time.sleep(0.05)

    def _read(self, question: Question) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {question.access_token}"}
        return self.http.get(f"/support/ticket/{question.ticket_id}", headers=bearer)


def _replies_in(ticket: dict[str, Any]) -> list[str]:
    return [message["body"] for message in ticket["messages"] if message["direction"] == "outbound"]
