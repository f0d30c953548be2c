"""Locust scenarios: customers who ask, customers who write on, and the desk that takes what is handed over.

`python -m load.run` runs them against a system of their own; load/README.md says how to aim them at a cluster.
"""

# Locust has no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import random
import secrets
import time
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, events, task
from locust.env import Environment

from load.sent_log import SentLine, SentLog
from load.texts import QUESTIONS

_FOR_A_PERSON = (
    "I want my money back for last month, please refund me.",
    "Please let me talk to a human being about my account.",
    "We want to cancel our subscription at the end of the month.",
)
_FURTHER = (
    "Thank you. And does that work on the free plan too?",
    "I tried that, where exactly do I find this menu?",
    "How do I undo it again?",
)
_LOOK_S = 0.25
_REPLY_PATIENCE_S = 30.0


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any) -> None:
    parser.add_argument("--operator-key", env_var="FTE_OPERATOR_KEY", default="", is_secret=True, help="for the desk")
    parser.add_argument("--sent", default="", help="folder in which what was sent is written down for the auditor")


@events.init.add_listener
def open_sent_log(environment: Environment, **_: Any) -> None:
    folder = environment.parsed_options.sent if environment.parsed_options else ""
    if folder:
        file = Path(folder) / f"sent-{secrets.token_hex(6)}.jsonl"
        environment.sent_log = SentLog(file.open("a", encoding="utf-8"))


class Customer(FastHttpUser):
    """What every customer of the form can do."""

    abstract = True
    ticket_id = ""
    token = ""
    replies = 0
    with_a_person = False

    def submit(self, text: str) -> bool:
        key = secrets.token_hex(12)
        body = {
            "name": "Load Test",
            "email": f"customer-{secrets.token_hex(5)}@example.com",
            "subject": "A question",
            "category": "general",
            "priority": "medium",
            "message": text,
        }
        answer = self._post("/support/submit", "/support/submit", body, key)
        self._note(SentLine.of(key, text, acknowledged=answer is not None))
        if answer is None:
            return False
        self.ticket_id, self.token, self.replies = answer["ticket_id"], answer["access_token"], 0
        self.with_a_person = False
        return True

    def write_on(self, text: str) -> bool:
        key = secrets.token_hex(12)
        path, name = f"/support/ticket/{self.ticket_id}/messages", "/support/ticket/[id]/messages"
        answer = self._post(path, name, {"message": text}, key)
        self._note(SentLine.of(key, text, acknowledged=answer is not None, ticket_id=self.ticket_id))
        return answer is not None

    def wait_for_reply(self) -> None:
        """Look again and again, and report the time from now to the reply as a request of its own."""
        began = time.perf_counter()
        seen, waited_s = self.replies, 0.0
        while seen <= self.replies and waited_s < _REPLY_PATIENCE_S:
            time.sleep(_LOOK_S)  # Locust makes it yield
            seen, waited_s = self._count_replies(), time.perf_counter() - began
        missing = None if seen > self.replies else TimeoutError(f"no reply within {_REPLY_PATIENCE_S:g} s")
        self.replies = seen
        self.environment.events.request.fire(
            request_type="REPLY", name="accept to reply shown", response_time=waited_s * 1000, response_length=0,
            exception=missing, context={},
        )  # fmt: skip

    def _count_replies(self) -> int:
        with self.client.get(
            f"/support/ticket/{self.ticket_id}", name="/support/ticket/[id]", headers=self._bearer, catch_response=True
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return self.replies
            self.with_a_person = answer.json()["status"] == "escalated"
            return sum(message["direction"] == "outbound" for message in answer.json()["messages"])

    def _post(self, path: str, name: str, body: dict[str, str], key: str) -> dict[str, Any] | None:
        headers = {"Idempotency-Key": key, **(self._bearer if self.ticket_id and "[id]" in name else {})}
        with self.client.post(path, name=name, json=body, headers=headers, catch_response=True) as answer:
            if answer.status_code != 201:
                answer.failure(f"status {answer.status_code}")
                return None
            accepted: dict[str, Any] = answer.json()
            return accepted

    def _note(self, line: SentLine) -> None:
        log: SentLog | None = getattr(self.environment, "sent_log", None)
        if log is not None:
            log.write(line)

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class NewCustomer(Customer):
    """Submits the form, waits for the reply, and is another customer next time. One in ten needs a person."""

    weight = 6
    wait_time = between(1, 4)

    @task
    def ask(self) -> None:
        texts = _FOR_A_PERSON if random.random() < 0.1 else QUESTIONS
        self.ticket_id = ""
        if self.submit(random.choice(texts)):
            self.wait_for_reply()


class ReturningCustomer(Customer):
    """Stays in one conversation and writes on; after a few messages, or when a person has it, begins another."""

    weight = 3
    wait_time = between(2, 6)
    written = 0

    @task
    def converse(self) -> None:
        # Who waits for a person gets no further answer from the FTE.
        if self.ticket_id and self.written < 5 and not self.with_a_person:
            self.written += 1
            if self.write_on(random.choice(_FURTHER)):
                self.wait_for_reply()
        elif self.submit(random.choice(QUESTIONS)):
            self.written = 0
            self.wait_for_reply()


class Desk(FastHttpUser):
    """One support team member: lists what waits, takes the most urgent, answers, and ends it or gives it back."""

    fixed_count = 1
    wait_time = between(1, 2)

    @task
    def work(self) -> None:
        with self.client.get("/escalations?status=open", name="/escalations", headers=self._headers) as answer:
            waiting = answer.json().get("escalations", []) if answer.status_code == 200 else []
        if not waiting:
            return
        conversation = waiting[0]["conversation_id"]
        if not self._act(conversation, "take"):
            return
        self._act(conversation, "reply", {"message": "Hello, I am looking into this for you."})
        self._act(conversation, "resolve" if random.random() < 0.8 else "hand-back", {"note": "load test"})

    def _act(self, conversation: str, action: str, body: dict[str, str] | None = None) -> bool:
        with self.client.post(
            f"/conversations/{conversation}/{action}", name=f"/conversations/[id]/{action}", json=body or {},
            headers=self._headers, catch_response=True,
        ) as answer:  # fmt: skip
            if answer.status_code == 409:
                answer.success()  # another desk was first
                return False
            if not 200 <= (answer.status_code or 0) < 300:
                answer.failure(f"status {answer.status_code}")
                return False
            return True

    @property
    def _headers(self) -> dict[str, str]:
        key = self.environment.parsed_options.operator_key
        return {"Authorization": f"Bearer {key}", "X-Operator": "desk@load"}
