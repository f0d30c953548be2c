"""Customers of the form: they ask, see the reply appear, keep their private link, and come back with it."""

# Locust has no types.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import json
import random
import secrets
import time
from dataclasses import dataclass
from typing import Any

from locust import FastHttpUser, between, task

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
_LOOK_S = 0.5
_REPLY_PATIENCE_S = 30.0
_LINKS_MAX = 3


@dataclass(slots=True)
class Link:
    """What a customer keeps of a request: the ticket and the token that opens it, and what was seen of it.

    `replies` were seen in any way; `streamed` of them came by event streams, which begin after `last_event_id` and so
    tell again what was only seen by looking.
    """

    ticket_id: str
    token: str
    replies: int = 0
    streamed: int = 0
    last_event_id: str = ""
    with_a_person: bool = False
    written: int = 1

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


class Customer(FastHttpUser):
    """What every customer can do. `polls` is the share who ask again and again, as where streams do not get through."""

    abstract = True
    polls = 0.2

    def submit(self, text: str) -> Link | None:
        key = secrets.token_hex(12)
        body = {
            "name": "Load Test",
            "email": f"customer-{secrets.token_hex(5)}@example.com",
            "subject": "A question",
            "category": "general",
            "priority": "medium",
            "message": text,
        }
        answer = self._post("/support/submit", "/support/submit", body, {"Idempotency-Key": key})
        self._note(SentLine.of(key, text, acknowledged=answer is not None))
        return None if answer is None else Link(answer["ticket_id"], answer["access_token"])

    def write_on(self, link: Link, text: str) -> bool:
        key = secrets.token_hex(12)
        path = f"/support/ticket/{link.ticket_id}/messages"
        headers = {"Idempotency-Key": key, **link.bearer}
        answer = self._post(path, "/support/ticket/[id]/messages", {"message": text}, headers)
        self._note(SentLine.of(key, text, acknowledged=answer is not None, ticket_id=link.ticket_id))
        link.written += answer is not None
        return answer is not None

    def wait_for_reply(self, link: Link) -> None:
        """Until one more reply is there than was seen; the time from now to it is a request of its own."""
        began = time.perf_counter()
        until = began + _REPLY_PATIENCE_S
        seen, how = link.replies, "poll"
        if random.random() >= self.polls:
            how = "stream" if self._stream(link, until) else "poll"
        while link.replies <= seen and time.perf_counter() < until:
            self.look(link)
            if link.replies <= seen:
                time.sleep(_LOOK_S)  # Locust makes it yield
        missing = None if link.replies > seen else TimeoutError(f"no reply within {_REPLY_PATIENCE_S:g} s")
        self.environment.events.request.fire(
            request_type="REPLY", name=f"accept to reply shown ({how})", response_length=0, exception=missing,
            response_time=(time.perf_counter() - began) * 1000, context={},
        )  # fmt: skip

    def look(self, link: Link) -> None:
        """Open the private link: the ticket with its conversation."""
        with self.client.get(
            f"/support/ticket/{link.ticket_id}", name="/support/ticket/[id]", headers=link.bearer, catch_response=True
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return
            ticket = answer.json()
            link.with_a_person = ticket["status"] == "escalated"
            link.replies = sum(message["direction"] == "outbound" for message in ticket["messages"])

    def _stream(self, link: Link, until: float) -> bool:
        """Follow the ticket's events to a new reply; False when the stream ends before, or has no room for us."""
        headers = {**link.bearer, "Accept": "text/event-stream"}
        if link.last_event_id:
            headers["Last-Event-ID"] = link.last_event_id
        with self.client.get(
            f"/support/ticket/{link.ticket_id}/events", name="/support/ticket/[id]/events", headers=headers,
            stream=True, catch_response=True,
        ) as answer:  # fmt: skip
            if answer.status_code == 429:
                answer.success()  # so many streams are open that this customer must poll
                return False
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}")
                return False
            try:
                return self._read_events(link, answer.stream, until)
            except OSError as error:
                answer.failure(f"the stream broke: {type(error).__name__}")
                return False
            finally:
                answer.stream.release()  # what is left unread closes the connection

    def _read_events(self, link: Link, stream: Any, until: float) -> bool:
        """Lines come at least every 15 s, for the server says when it has nothing."""
        event = ""
        while time.perf_counter() < until and (line := stream.readline(b"\n").decode()):
            name, _, value = line.strip().partition(": ")
            if name == "event":
                event = value
            elif name == "id":
                link.last_event_id = value
            elif name == "data" and event == "status":
                link.with_a_person = json.loads(value)["status"] == "escalated"
            elif not line.strip() and event:
                link.streamed += event == "reply"
                event = ""
                if link.streamed > link.replies:
                    link.replies = link.streamed
                    return True
        return False

    def _post(self, path: str, name: str, body: dict[str, str], headers: dict[str, str]) -> dict[str, Any] | None:
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


class NewCustomer(Customer):
    """Submits the form, waits for the reply, and is another customer next time. One in ten needs a person."""

    weight = 6
    wait_time = between(1, 4)

    @task
    def ask(self) -> None:
        texts = _FOR_A_PERSON if random.random() < 0.1 else QUESTIONS
        link = self.submit(random.choice(texts))
        if link is not None:
            self.wait_for_reply(link)


class ReturningCustomer(Customer):
    """Keeps private links, and comes back to one of them: opens it, reads what was answered meanwhile, writes on."""

    weight = 3
    wait_time = between(2, 6)

    def on_start(self) -> None:
        self.links: list[Link] = []

    @task(3)
    def come_back(self) -> None:
        if not self.links:
            self.begin()
            return
        link = random.choice(self.links)
        self.look(link)
        # Who waits for a person gets no further answer from the FTE.
        if link.with_a_person or link.written >= 6:
            self.links.remove(link)
        elif self.write_on(link, random.choice(_FURTHER)):
            self.wait_for_reply(link)

    @task(1)
    def begin(self) -> None:
        if len(self.links) >= _LINKS_MAX:
            self.come_back()
            return
        link = self.submit(random.choice(QUESTIONS))
        if link is not None:
            self.links.append(link)
            self.wait_for_reply(link)
