"""A small copy of the whole product in a folder of its own, as `fte up` runs it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from serve_app.supervisor.lock import HomeLock, RunningCopy
from serve_app.supervisor.serve_client import ServeClient

START_PATIENCE_S = 240.0
STOP_PATIENCE_S = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10, trust_env=False)

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

    def ask(self, message: str, email: str = "ada@example.com") -> Question:
        answer = self.http.post(
            "/support/submit",
            headers={"Idempotency-Key": str(uuid.uuid4())},
            json={
                "name": "Ada Example",
                "email": email,
                "subject": "A question",
                "category": "general",
                "priority": "medium",
                "message": message,
            },
        )
        assert answer.status_code == 201, answer.text
        return Question(answer.json()["ticket_id"], answer.json()["access_token"])

    def ticket(self, question: Question) -> dict[str, Any]:
        answer = self.http.get(
            f"/support/ticket/{question.ticket_id}", headers={"Authorization": f"Bearer {question.access_token}"}
        )
        assert answer.status_code == 200, answer.text
        ticket: dict[str, Any] = answer.json()
        return ticket

    def replies(self, question: Question) -> list[str]:
        return [message["body"] for message in self.ticket(question)["messages"] if message["direction"] == "outbound"]

    def wait_for_reply(self, question: Question, patience_s: float = 60.0) -> str:
        deadline = time.monotonic() + patience_s
        while not (replies := self.replies(question)):
            assert time.monotonic() < deadline, f"no reply to {question.ticket_id}\n{self.log_end()}"
            time.sleep(0.05)
        return replies[0]
