"""The desk: people who sign in and work off what the FTE hands over."""

# Locust has no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import random
import secrets
from typing import Any

from locust import FastHttpUser, between, task
from locust.exception import StopUser

_ANSWER = "Hello, I have looked into it and this is settled now. Tell me if anything is missing."


class Desk(FastHttpUser):
    """One person in the browser: signs in, watches the queue, takes the most urgent, reads, answers, and ends it or
    gives it back. The session is a cookie, as the page has it; what changes something carries its token."""

    fixed_count = 1
    wait_time = between(1, 2)

    def on_start(self) -> None:
        self.csrf_token = ""
        self._sign_in()

    @task
    def work(self) -> None:
        waiting = self._read("/escalations?status=open", "/escalations")
        for escalation in (waiting or {}).get("escalations", [])[:1]:
            self._settle(escalation["conversation_id"])

    def on_stop(self) -> None:
        if self.csrf_token:
            self.client.delete("/desk/session", name="/desk/session", headers=self._headers)

    def _settle(self, conversation: str) -> None:
        view = self._read(f"/conversations/{conversation}", "/conversations/[id]")
        if view is None or not self._act(conversation, "take"):
            return
        self._act(conversation, "triage", {"priority": random.choice(["low", "medium", "high"])})
        self._act(conversation, "reply", {"message": _ANSWER}, key=secrets.token_hex(12))
        if random.random() < 0.7:
            self._act(conversation, "resolve", {"note": "load test"})
        else:
            self._act(conversation, "hand-back", {"note": "load test: a question that the FTE can answer"})

    def _sign_in(self) -> None:
        key = self.environment.parsed_options.operator_key
        body = {"name": f"Load {secrets.token_hex(3)}", "key": key}
        with self.client.post("/desk/session", json=body, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: is the operator key right?")
                raise StopUser
            self.csrf_token = answer.json()["csrf_token"]

    def _read(self, path: str, name: str) -> dict[str, Any] | None:
        with self.client.get(path, name=name, catch_response=True) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return None
            found: dict[str, Any] = answer.json()
            return found

    def _act(self, conversation: str, action: str, body: dict[str, str] | None = None, key: str = "") -> bool:
        headers = {**self._headers, **({"Idempotency-Key": key} if key else {})}
        with self.client.post(
            f"/conversations/{conversation}/{action}", name=f"/conversations/[id]/{action}", json=body or {},
            headers=headers, catch_response=True,
        ) as answer:  # fmt: skip
            if answer.status_code == 409:
                answer.success()  # a colleague was first, or the customer wrote meanwhile and must be read
                return False
            if not 200 <= (answer.status_code or 0) < 300:
                answer.failure(f"status {answer.status_code}")
                return False
            return True

    @property
    def _headers(self) -> dict[str, str]:
        return {"X-CSRF-Token": self.csrf_token}
