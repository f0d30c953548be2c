"""Customers who write through the form at a steady rate, whatever the system does, and try again as a browser would.

A try that gets no 2xx is repeated with the same Idempotency-Key until it is acknowledged. Of one conversation a
message is sent when the one before it was acknowledged, so that their order means something.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import time
from dataclasses import dataclass, field

import httpx

from load.texts import QUESTIONS

_ANSWER_TIMEOUT_S = 8.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 1.6
_NEW_CONVERSATION_SHARE = 0.3
_MOST_MESSAGES = 8
_OTHER_TEXTS = (
    "Thank you, that helped!",
    "I want a refund for last month.",
    "This still does not work and I am really disappointed.",
    "Can I talk to a human please?",
)
_OTHER_SHARE = 0.1


@dataclass(slots=True)
class Sent:
    """One message of a conversation, `number` from 0. Times are on the monotonic clock."""

    key: str
    body: str
    due_at: float
    acknowledged_at: float | None = None
    refusal: str = ""
    """What a sender cannot repair by trying again; empty when there was nothing of the kind."""

    @property
    def body_sha256(self) -> bytes:
        return hashlib.sha256(self.body.encode()).digest()


@dataclass(slots=True)
class Conversation:
    """`messages` in the order in which they were sent."""

    number: int
    messages: list[Sent] = field(default_factory=list)
    ticket_id: str = ""
    token: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class FailedTry:
    """A try that got no 2xx: what came instead, and whether that said when to come again."""

    at: float
    reason: str
    retry_after: bool


class Customers:
    """`run` writes until `stop`, and returns when everything is acknowledged; how long it may take is the caller's."""

    def __init__(self, form_url: str, rate_per_s: float, seed: int) -> None:
        self._form_url = form_url
        self._rate_per_s = rate_per_s
        self._source = random.Random(seed)
        self._prefix = f"chaos-{seed}-{time.time_ns():x}"
        self._stopping = asyncio.Event()
        self.conversations: list[Conversation] = []
        self.failed_tries: list[FailedTry] = []

    @property
    def messages(self) -> list[Sent]:
        return [message for conversation in self.conversations for message in conversation.messages]

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        # Each answer's connection is closed: the next try reaches whoever listens then.
        limits = httpx.Limits(max_keepalive_connections=0, max_connections=200)
        async with (
            httpx.AsyncClient(
                base_url=self._form_url, timeout=_ANSWER_TIMEOUT_S, limits=limits, trust_env=False
            ) as client,
            asyncio.TaskGroup() as sending,
        ):
            due_at = time.monotonic()
            while not self._stopping.is_set():
                conversation, message = self._write(due_at)
                sending.create_task(self._send(client, conversation, message))
                due_at += self._source.expovariate(self._rate_per_s)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), max(due_at - time.monotonic(), 0.001))

    def _write(self, due_at: float) -> tuple[Conversation, Sent]:
        """The next message: of a new conversation, or of one that has room for more."""
        going_on = [each for each in self.conversations[-40:] if len(each.messages) < _MOST_MESSAGES]
        if not going_on or self._source.random() < _NEW_CONVERSATION_SHARE:
            conversation = Conversation(len(self.conversations))
            self.conversations.append(conversation)
        else:
            conversation = self._source.choice(going_on)
        texts = _OTHER_TEXTS if self._source.random() < _OTHER_SHARE else QUESTIONS
        number = len(conversation.messages)
        body = f"{self._source.choice(texts)} This is about project {conversation.number}, item {number}."
        message = Sent(f"{self._prefix}-{conversation.number}-{number}", body, due_at)
        conversation.messages.append(message)
        return conversation, message

    async def _send(self, client: httpx.AsyncClient, conversation: Conversation, message: Sent) -> None:
        async with conversation.turn:
            pause_s = _FIRST_PAUSE_S
            while not await self._try(client, conversation, message):
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _try(self, client: httpx.AsyncClient, conversation: Conversation, message: Sent) -> bool:
        """True when there is nothing more to try."""
        try:
            answer = await client.send(_to_request(client, conversation, message))
        except (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError) as error:
            self._note(type(error).__name__)
            return False
        if answer.status_code == httpx.codes.CREATED:
            message.acknowledged_at = time.monotonic()
            ticket = answer.json()
            conversation.ticket_id, conversation.token = ticket["ticket_id"], ticket["access_token"]
            return True
        # The proxy's own 404, while it learns the routes again, is no answer of the application.
        routed = answer.headers.get("content-type", "").startswith("application/json")
        self._note(f"{answer.status_code}{'' if routed else ' of the proxy'}", "retry-after" in answer.headers)
        if answer.is_client_error and routed:
            message.refusal = f"{answer.status_code}: {answer.text[:200]}"
            return True
        return False

    def _note(self, reason: str, retry_after: bool = False) -> None:
        self.failed_tries.append(FailedTry(time.monotonic(), reason, retry_after))


def _to_request(client: httpx.AsyncClient, conversation: Conversation, message: Sent) -> httpx.Request:
    headers = {"Idempotency-Key": message.key}
    if conversation.messages[0] is not message:
        headers["Authorization"] = f"Bearer {conversation.token}"
        path = f"support/ticket/{conversation.ticket_id}/messages"
        return client.build_request("POST", path, json={"message": message.body}, headers=headers)
    form = {
        "name": f"Customer {conversation.number}",
        "email": f"customer-{conversation.number}@example.com",
        "subject": "A question",
        "category": "general",
        "priority": "medium",
        "message": message.body,
    }
    return client.build_request("POST", "support/submit", json=form, headers=headers)
