"""The loop that raises late escalations again and ends quiet conversations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from agent.errors import DatabaseAway
from agent.records import Channel, ConversationId, Severity
from agent.service.rules import ServiceRules
from agent.times import Times
from agent.workers.aftercare import AftercareLoop
from tests.unit.test_service_rules import RULES
from tests.waiting import until

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)  # ten o'clock in Berlin
# One round is all that a test sees, unless it asks for another.
TIMES = Times(aftercare_s=600, backoff_first_s=0.01, backoff_cap_s=0.02)


@dataclass
class MemoryStore:
    quiet: dict[Channel, list[ConversationId]] = field(default_factory=dict)
    ends: dict[ConversationId, str] = field(default_factory=dict)
    late: int = 0
    away: int = 0
    asked: list[tuple[Channel, Mapping[Severity, datetime], int]] = field(default_factory=list)
    closed: list[ConversationId] = field(default_factory=list)
    looks: int = 0

    async def raise_again(
        self, channel: Channel, late_until: Mapping[Severity, datetime], at_most: int, limit: int
    ) -> int:
        if self.away:
            self.away -= 1
            raise DatabaseAway("away")
        self.asked.append((channel, late_until, at_most))
        raised, self.late = min(self.late, limit), max(0, self.late - limit)
        return raised

    async def fetch_quiet(self, channel: Channel, since: datetime, limit: int) -> list[ConversationId]:
        assert since == MONDAY - timedelta(hours=48)
        self.looks += 1
        return [each for each in self.quiet.get(channel, []) if each not in self.closed][:limit]

    async def close(self, conversation_id: ConversationId, since: datetime, unhappy_below: float) -> str:
        assert unhappy_below == -0.3
        end = self.ends.get(conversation_id, "resolved")
        if end != "busy":
            self.closed.append(conversation_id)
        return end


@dataclass
class Desks:
    woken: int = 0

    def wake(self) -> None:
        self.woken += 1


async def rules_of(*channels: Channel) -> Mapping[Channel, ServiceRules]:
    return {channel: ServiceRules.model_validate_json(json.dumps(RULES)) for channel in channels}


@asynccontextmanager
async def running(store: MemoryStore, desks: Desks, *channels: Channel) -> AsyncIterator[AftercareLoop]:
    used = channels or (Channel.EMAIL,)
    loop = AftercareLoop(store, lambda: rules_of(*used), desks.wake, TIMES, clock=lambda: MONDAY)
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        loop.stop()
        await asyncio.wait_for(task, 60)


def conversations(number: int) -> list[ConversationId]:
    return [ConversationId(uuid4()) for _ in range(number)]


async def test_late_is_what_has_waited_so_long_in_business_time() -> None:
    store = MemoryStore()
    async with running(store, Desks(), Channel.EMAIL, Channel.WHATSAPP):
        await until(lambda: store.looks == 2)
    assert [channel for channel, _, _ in store.asked] == [Channel.EMAIL, Channel.WHATSAPP]
    _, late_until, at_most = store.asked[0]
    assert at_most == 10
    assert late_until[Severity.P1] == MONDAY - timedelta(minutes=15)
    # The hours of RULES: Monday from nine, and before that Tuesday around the clock. An hour of four is of today.
    tuesday_evening = datetime(2026, 11, 17, 20, tzinfo=UTC)
    assert late_until[Severity.P3] == tuesday_evening


async def test_quiet_conversations_are_closed_and_the_desk_hears_of_those_that_go_to_a_person() -> None:
    plain, upset = conversations(2)
    store, desks = MemoryStore({Channel.EMAIL: [plain]}), Desks()
    async with running(store, desks):
        await until(lambda: store.closed == [plain])
        await until(lambda: store.looks == 1)
    assert desks.woken == 0
    store = MemoryStore({Channel.EMAIL: [upset]}, {upset: "escalated"})
    async with running(store, desks):
        await until(lambda: desks.woken == 1)


async def test_the_desk_hears_of_what_is_raised_again() -> None:
    desks = Desks()
    async with running(MemoryStore(late=1), desks):
        await until(lambda: desks.woken == 1)


async def test_a_backlog_is_worked_off_without_a_pause() -> None:
    store = MemoryStore({Channel.EMAIL: conversations(450)}, late=450)
    async with running(store, Desks()):
        await until(lambda: len(store.closed) == 450 and store.late == 0)


async def test_what_others_are_busy_with_is_left_to_a_later_round() -> None:
    quiet = conversations(200)
    store = MemoryStore({Channel.EMAIL: quiet}, dict.fromkeys(quiet, "busy"))
    async with running(store, Desks()) as loop:
        await until(lambda: store.looks == 1)
        loop.wake()
        await until(lambda: store.looks == 2)
    assert store.closed == []


async def test_an_outage_is_waited_out() -> None:
    store = MemoryStore(away=3)
    async with running(store, Desks()):
        await until(lambda: store.looks == 1)
