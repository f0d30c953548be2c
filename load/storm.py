"""A storm of webhooks over all channels: repeated, shuffled, and sent again until each is acknowledged."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agent.records import Channel
from crm.audit import SentMessage, digest_body
from load.http_client import HttpClient
from load.providers import Mail, Providers, Request, sid_of

WHATSAPP_PER_CUSTOMER, MAILS_PER_CUSTOMER = 8, 4
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 1.6


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a customer of a channel; `number` counts theirs."""

    channel: Channel
    customer: int
    number: int
    text: str


@dataclass(slots=True)
class Posted:
    """A webhook that was acknowledged: after how long, counted from its first try, and how many tries it took."""

    channel: Channel
    ack_s: float
    tries: int


@dataclass(slots=True)
class Storm:
    """`run` posts every webhook until each has its 2xx. What providers repeat, and in which order, is of the seed."""

    providers: Providers
    plan: Sequence[Message]
    connections: int = 48
    posted: list[Posted] = field(default_factory=list)
    _keys: dict[Message, str] = field(default_factory=dict)
    _pushes: dict[Message, Request] = field(default_factory=dict)

    async def run(self, http: HttpClient) -> None:
        """Raises ConnectionError for a webhook that is refused for good: no system of ours may do that."""
        supply = iter(self.plan)

        async def work() -> None:
            for message in supply:
                await self._post(http, message.channel, self._request_of(message))

        async with asyncio.TaskGroup() as workers:
            for _ in range(self.connections):
                workers.create_task(work())

    def sent(self) -> list[SentMessage]:
        """Each message once, for the auditor."""
        return [
            SentMessage(message.channel, key, digest_body(message.text), acknowledged=True)
            for message, key in self._keys.items()
        ]

    def _request_of(self, message: Message) -> Request:
        name = f"{message.customer}-{message.number}"
        match message.channel:
            case Channel.WHATSAPP:
                sid = sid_of(name)
                self._keys[message] = sid
                return self.providers.whatsapp(f"+1555{message.customer:07d}", sid, message.text)
            case Channel.EMAIL:
                return self._push_of(message)
            case Channel.WEB_FORM:
                key = f"storm-{name}"
                self._keys[message] = f"submit:{key}"
                return self.providers.form(key, message.text)

    def _push_of(self, message: Message) -> Request:
        """The mail is in the mailbox before the first push tells of it, and a repeated push adds none."""
        if message not in self._pushes:
            sender = f"storm-{message.customer}@example.com"
            number = self.providers.deliver_mail(Mail(sender, message.number, message.text))
            self._keys[message] = self.providers.key_of_mail(number)
            self._pushes[message] = self.providers.push(number)
        return self._pushes[message]

    async def _post(self, http: HttpClient, channel: Channel, request: Request) -> None:
        began, tries, pause_s = time.perf_counter(), 0, _FIRST_PAUSE_S
        while True:
            tries += 1
            try:
                answer = await http.request("POST", request.path, request.body, request.headers)
            except (OSError, TimeoutError):
                status = 0
            else:
                status = answer.status
            if 200 <= status < 300:
                self.posted.append(Posted(channel, time.perf_counter() - began, tries))
                return
            # The proxy answers 404 while it learns the routes of a new replica; a real refusal is one of these.
            if status in (400, 401, 403, 409, 413, 422):
                raise ConnectionError(f"{request.path} answered {status}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def make_plan(texts: Sequence[str], webhooks: int, duplicates: float, seed: int) -> list[Message]:
    """`webhooks` in all, of which a share of `duplicates` repeats another one; a third each on every channel, shuffled.

    Of WhatsApp a customer writes 8 messages, by mail 4 in one thread, by the form one.
    """
    source = random.Random(seed)
    unique = webhooks - round(webhooks * duplicates)
    share = unique // 3
    messages = [
        *_of_channel(Channel.WHATSAPP, share, WHATSAPP_PER_CUSTOMER, texts, source),
        *_of_channel(Channel.EMAIL, share, MAILS_PER_CUSTOMER, texts, source),
        *_of_channel(Channel.WEB_FORM, unique - 2 * share, 1, texts, source),
    ]
    plan = [*messages, *source.choices(messages, k=webhooks - unique)]
    source.shuffle(plan)
    return plan


def _of_channel(
    channel: Channel, count: int, per_customer: int, texts: Sequence[str], source: random.Random
) -> Iterable[Message]:
    for place in range(count):
        customer, number = divmod(place, per_customer)
        # The words say whose they are, so that the auditor sees what went astray.
        text = f"{source.choice(texts)} This is about project {customer}, item {number}."
        yield Message(channel, customer, number, text)
