"""The courier's loop over an outbox in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import uuid4

import pytest

from agent.errors import (
    DatabaseAway,
    LeaseLost,
    ProviderAway,
    ProviderBusy,
    RecipientOptedOut,
    SendAmbiguous,
    SendRejected,
)
from agent.records import (
    Channel,
    ConversationId,
    IdentifierKind,
    Identity,
    OutboxId,
    OutboxItem,
    TicketId,
)
from agent.times import Times
from agent.workers.delivery import DeliveryLoop
from channels.stored import StoredSender
from tests.waiting import until

TIMES = Times(poll_s=600.0, backoff_first_s=0.02, send_timeout_s=0.2)


def make_item(token: str, *, was_unknown: bool = False) -> OutboxItem:
    return OutboxItem(
        outbox_id=OutboxId(uuid4()),
        conversation_id=ConversationId(uuid4()),
        channel=Channel.WEB_FORM,
        identity=Identity(IdentifierKind.EMAIL, "customer@example.com", verified=False),
        thread_key="thread",
        subject="Help",
        ticket_id=TicketId("TF-20260101-0001"),
        body="An answer.",
        send_token=token,
        attempts=1,
        lease=1,
        was_unknown=was_unknown,
    )


@dataclass
class MemoryOutbox:
    pending: list[OutboxItem] = field(default_factory=list)
    ends: dict[str, str] = field(default_factory=dict)
    away: bool = False
    refused: int = 0
    reported_on: set[OutboxId] = field(default_factory=set)

    async def claim(self, limit: int) -> list[OutboxItem]:
        if self.away:
            self.refused += 1
            raise DatabaseAway("away")
        claimed, self.pending = self.pending[:limit], self.pending[limit:]
        return claimed

    async def record_deferred(self, item: OutboxItem) -> None:
        self.ends[item.send_token] = "deferred"

    async def remember_parts(self, item: OutboxItem, parts: Sequence[str]) -> OutboxItem:
        return replace(item, parts=tuple(parts))

    async def record_part_sent(self, item: OutboxItem, provider_id: str) -> None:
        self.pending.append(replace(item, part=item.part + 1))

    async def record_sent(
        self, sent: Sequence[tuple[OutboxItem, str]], reported_on: Collection[OutboxId] = frozenset()
    ) -> int:
        self.ends |= {item.send_token: f"sent {provider_id}" for item, provider_id in sent}
        self.reported_on |= set(reported_on)
        return len(sent)

    async def record_retry(self, item: OutboxItem, error: str, pause_s: float = 0.0) -> None:
        self.ends[item.send_token] = f"retry after {pause_s:g} s" if pause_s else "retry"

    async def record_opted_out(self, item: OutboxItem) -> None:
        self.ends[item.send_token] = "opted out"

    async def record_unknown(self, item: OutboxItem, error: str) -> None:
        self.ends[item.send_token] = "unknown"

    async def record_not_found(self, item: OutboxItem) -> None:
        self.ends[item.send_token] = "not found"

    async def record_failed(self, item: OutboxItem, error: str) -> None:
        self.ends[item.send_token] = "failed"

    async def seconds_until_due(self) -> float | None:
        return None


@dataclass
class ScriptedSender:
    """Raises what the item's token names."""

    sends: list[str] = field(default_factory=list)

    async def send(self, item: OutboxItem) -> str:
        self.sends.append(item.send_token)
        await self._act(item)
        return "id"

    async def find_sent(self, item: OutboxItem) -> str | None:
        if item.send_token == "missing":
            return None
        await self._act(item)
        return "found"

    async def _act(self, item: OutboxItem) -> None:
        if item.send_token == "slow":
            await asyncio.sleep(3600)
        errors = {
            "away": ProviderAway("away"),
            "ambiguous": SendAmbiguous("cut"),
            "rejected": SendRejected("no"),
            "bug": KeyError("bug"),
            "lost": LeaseLost("another courier has it"),
            "busy": ProviderBusy("not now", 7.0),
            "stopped": RecipientOptedOut("they said stop"),
        }
        if item.send_token in errors:
            raise errors[item.send_token]


@dataclass
class InParts(ScriptedSender):
    """Divides a body at its spaces."""

    texts: list[str] = field(default_factory=list)

    def split(self, item: OutboxItem) -> tuple[str, ...]:
        return tuple(item.body.split())

    async def send(self, item: OutboxItem) -> str:
        self.texts.append(item.text)
        return f"id-{item.part}"


@asynccontextmanager
async def courier(outbox: MemoryOutbox, sender: ScriptedSender | StoredSender) -> AsyncIterator[DeliveryLoop]:
    async def listen(on_notify: Callable[[], None], on_lost: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        async def stop() -> None:
            return

        return stop

    loop = DeliveryLoop(outbox, {Channel.WEB_FORM: sender}, listen, lambda: None, TIMES, batch=4)
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        loop.stop()
        await asyncio.wait_for(task, 60)


@pytest.mark.parametrize(
    ("token", "end"),
    [
        ("fine", "sent id"),
        ("away", "retry"),
        ("ambiguous", "unknown"),
        ("slow", "unknown"),
        ("bug", "unknown"),
        ("rejected", "failed"),
        ("busy", "retry after 7 s"),
        ("stopped", "opted out"),
    ],
)
async def test_each_end_of_a_send_is_recorded(token: str, end: str) -> None:
    outbox = MemoryOutbox([make_item(token)])
    async with courier(outbox, ScriptedSender()):
        await until(lambda: token in outbox.ends)
    assert outbox.ends == {token: end}


@pytest.mark.parametrize(("token", "end"), [("fine", "sent found"), ("missing", "not found"), ("ambiguous", "unknown")])
async def test_an_unknown_send_is_looked_up_and_never_sent(token: str, end: str) -> None:
    sender = ScriptedSender()
    outbox = MemoryOutbox([make_item(token, was_unknown=True)])
    async with courier(outbox, sender):
        await until(lambda: token in outbox.ends)
    assert outbox.ends == {token: end}
    assert sender.sends == []


async def test_a_look_up_that_fails_changes_nothing() -> None:
    outbox = MemoryOutbox([make_item("away", was_unknown=True), make_item("fine")])
    async with courier(outbox, ScriptedSender()):
        await until(lambda: "fine" in outbox.ends)
    assert "away" not in outbox.ends


async def test_a_send_that_another_courier_has_is_left_to_it() -> None:
    outbox = MemoryOutbox([make_item("lost"), make_item("fine")])
    async with courier(outbox, ScriptedSender()):
        await until(lambda: "fine" in outbox.ends)
    assert "lost" not in outbox.ends


async def test_a_long_text_is_sent_in_parts_one_after_another() -> None:
    sender = InParts()
    item = replace(make_item("fine"), body="one two three")
    outbox = MemoryOutbox([item])
    async with courier(outbox, sender):
        await until(lambda: "fine" in outbox.ends)
    assert sender.texts == ["one", "two", "three"]
    assert outbox.ends == {"fine": "sent id-2"}
    assert outbox.reported_on == {item.outbox_id}, "the provider reports on it later"


async def test_parts_that_were_stored_are_not_divided_anew() -> None:
    sender = InParts()
    outbox = MemoryOutbox([replace(make_item("fine"), body="one two three", parts=("one two", "three"), part=1)])
    async with courier(outbox, sender):
        await until(lambda: "fine" in outbox.ends)
    assert sender.texts == ["three"]


@pytest.mark.parametrize("was_unknown", [False, True])
async def test_what_the_provider_reported_on_is_not_sent_and_not_looked_for(was_unknown: bool) -> None:
    sender = ScriptedSender()
    outbox = MemoryOutbox([replace(make_item("missing", was_unknown=was_unknown), reported_id="SM1")])
    async with courier(outbox, sender):
        await until(lambda: "missing" in outbox.ends)
    assert outbox.ends == {"missing": "sent SM1"}
    assert sender.sends == []


async def test_what_waits_long_for_its_place_in_the_rate_is_given_back() -> None:
    sender = ScriptedSender()
    soon, late = replace(make_item("fine"), wait_s=0.01), replace(make_item("late"), wait_s=60.0)
    outbox = MemoryOutbox([soon, late])
    async with courier(outbox, sender):
        await until(lambda: len(outbox.ends) == 2)
    assert outbox.ends == {"fine": "sent id", "late": "deferred"}
    assert sender.sends == ["fine"]


async def test_one_bad_send_does_not_hold_up_the_others() -> None:
    outbox = MemoryOutbox([make_item("bug"), *(make_item(f"fine-{n}") for n in range(10))])
    async with courier(outbox, ScriptedSender()):
        await until(lambda: len(outbox.ends) == 11)
    assert sum(end == "sent id" for end in outbox.ends.values()) == 10


async def test_it_goes_on_after_an_outage() -> None:
    outbox = MemoryOutbox([make_item("fine")], away=True)
    async with courier(outbox, ScriptedSender()) as loop:
        await until(lambda: outbox.refused >= 1)
        began = time.monotonic()
        await until(lambda: outbox.refused >= 3)
        assert loop.heartbeat.age_s() < time.monotonic() - began, "it beats at each try"
        outbox.away = False
        await until(lambda: "fine" in outbox.ends)


async def test_the_stored_sender_always_finds_what_it_sent() -> None:
    sender = StoredSender("web_form")
    item = make_item("token")
    assert await sender.send(item) == await sender.find_sent(replace(item, was_unknown=True))


async def test_who_watches_is_told_of_what_failed_too() -> None:
    told = 0

    def tell() -> None:
        nonlocal told
        told += 1

    async def listen(*_: object) -> Callable[[], Awaitable[None]]:
        raise AssertionError("a round listens to nothing")

    class Refusing(StoredSender):
        async def send(self, item: OutboxItem) -> str:
            raise SendRejected("no such number")

    outbox = MemoryOutbox([make_item("refused")])
    await DeliveryLoop(outbox, {Channel.WEB_FORM: Refusing("web_form")}, listen, tell, TIMES)._round()
    assert outbox.ends["refused"].startswith("failed")
    assert told == 1
