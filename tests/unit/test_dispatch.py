"""The dispatcher's loop over a queue in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

import pytest

from agent.errors import DatabaseAway
from agent.records import CustomerId
from agent.times import Times
from agent.workers.dispatch import DispatchLoop
from agent.workers.together import Ended, run_together
from tests.waiting import until

# A lost wake-up would take this long, which is more than any test waits.
TIMES = Times(poll_s=600.0, backoff_first_s=0.02)


@dataclass
class MemoryQueue:
    due: list[CustomerId] = field(default_factory=list)
    away: bool = False
    looks: int = 0
    refused: int = 0
    on_notify: Callable[[], None] = lambda: None
    on_lost: Callable[[], None] | None = None
    listened: int = 0

    async def fetch_due(self, limit: int, in_hand: Collection[CustomerId] = ()) -> list[CustomerId]:
        self.looks += 1
        self._check()
        return [customer for customer in self.due if customer not in in_hand][:limit]

    async def seconds_until_due(self, in_hand: Collection[CustomerId] = ()) -> float | None:
        self._check()
        return 0.0 if any(customer not in in_hand for customer in self.due) else None

    async def listen(
        self, on_notify: Callable[[], None], *, on_lost: Callable[[], None] | None = None
    ) -> Callable[[], Awaitable[None]]:
        self._check()
        self.on_notify, self.on_lost = on_notify, on_lost
        self.listened += 1

        async def stop() -> None:
            self.on_notify = lambda: None

        return stop

    def put(self, *customers: CustomerId) -> None:
        self.due.extend(customers)
        self.on_notify()

    def _check(self) -> None:
        if self.away:
            self.refused += 1
            raise DatabaseAway("away")


def customer() -> CustomerId:
    return CustomerId(uuid4())


@asynccontextmanager
async def running(loop: DispatchLoop) -> AsyncIterator[DispatchLoop]:
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        loop.stop()
        await asyncio.wait_for(task, 60)


async def test_no_wake_up_is_lost() -> None:
    queue = MemoryQueue()
    done: list[CustomerId] = []

    async def run_turn(who: CustomerId) -> bool:
        queue.due.remove(who)
        done.append(who)
        return True

    async with running(DispatchLoop(queue, partial(run_together, run_turn), lambda: 4, TIMES)):
        for count in range(1, 200):
            queue.put(customer())
            if count % 7 == 0:
                await until(lambda count=count: len(done) == count)
        await until(lambda: len(done) == 199)


async def test_credits_bound_the_turns_and_one_customer_is_never_in_hand_twice() -> None:
    customers = [customer() for _ in range(20)]
    queue = MemoryQueue(due=list(customers))
    now: set[CustomerId] = set()
    most = 0

    async def run_turn(who: CustomerId) -> bool:
        nonlocal most
        assert who not in now
        now.add(who)
        most = max(most, len(now))
        queue.on_notify()
        await asyncio.sleep(0.005)
        queue.due.remove(who)
        now.discard(who)
        return True

    async with running(DispatchLoop(queue, partial(run_together, run_turn), lambda: 3, TIMES)):
        await until(lambda: not queue.due)
    assert most == 3


class Groups:
    """Stands for the agents: notes which turns it was asked for together, and ends those that it is told to."""

    def __init__(self, queue: MemoryQueue) -> None:
        self._queue = queue
        self._ends: dict[CustomerId, asyncio.Event] = {}
        self.sizes: list[int] = []

    @property
    def running(self) -> list[CustomerId]:
        return list(self._ends)

    def run(self, customers: Sequence[CustomerId]) -> AsyncIterator[Sequence[Ended]]:
        self.sizes.append(len(customers))
        return run_together(self._turn, customers)

    def end(self, count: int) -> None:
        for end in list(self._ends.values())[:count]:
            end.set()

    async def _turn(self, who: CustomerId) -> bool:
        end = self._ends[who] = asyncio.Event()
        await end.wait()
        del self._ends[who]
        self._queue.due.remove(who)
        return True


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause before a few free places are filled is longer than any test waits."""
    monkeypatch.setattr("agent.workers.dispatch._REFILL_PAUSE_S", 600.0)
    monkeypatch.setattr("agent.workers.together._COLLECT_S", 0.01)


async def test_what_is_due_together_is_asked_for_together() -> None:
    queue = MemoryQueue(due=[customer() for _ in range(40)])
    agents = Groups(queue)
    async with running(DispatchLoop(queue, agents.run, lambda: 60, TIMES)):
        await until(lambda: len(agents.running) == 40)
        assert agents.sizes == [16, 16, 8]
        agents.end(40)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("places", "together"), [(40, 16), (8, 4), (1, 1)])
async def test_while_more_is_due_freed_places_are_filled_together(places: int, together: int) -> None:
    queue = MemoryQueue(due=[customer() for _ in range(places + 30)])
    agents = Groups(queue)
    async with running(DispatchLoop(queue, agents.run, lambda: places, TIMES)) as loop:
        await until(lambda: len(agents.running) == places)
        agents.end(together - 1)
        await until(lambda: loop.in_hand == places - together + 1)
        looks = queue.looks
        queue.on_notify()
        await asyncio.sleep(0.02)
        assert queue.looks == looks, "so few wait for others"
        agents.end(1)
        await until(lambda: len(agents.running) == places)
        assert agents.sizes[-1] == together
        while queue.due:
            agents.end(places)
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("patient")
async def test_what_comes_while_nothing_else_is_due_goes_at_once_however_few_places_are_free() -> None:
    queue = MemoryQueue(due=[customer() for _ in range(38)])
    agents = Groups(queue)
    async with running(DispatchLoop(queue, agents.run, lambda: 40, TIMES)):
        await until(lambda: len(agents.running) == 38)
        for count in (39, 40):
            queue.put(customer())
            await until(lambda count=count: len(agents.running) == count)
        agents.end(40)


async def test_turns_of_a_lost_group_are_offered_again_but_for_those_that_ended() -> None:
    customers = [customer() for _ in range(5)]
    queue = MemoryQueue(due=list(customers))
    asked: list[CustomerId] = []

    async def run_turns(together: Sequence[CustomerId]) -> AsyncIterator[Sequence[Ended]]:
        again = [who for who in together if who in asked]
        asked.extend(together)
        if not again:
            queue.due.remove(customers[0])
            yield [(customers[0], True)]
            yield [(customers[1], False)]
            raise ConnectionError("the replica died")
        for who in again:
            queue.due.remove(who)
        yield [(who, True) for who in again]

    async with running(DispatchLoop(queue, run_turns, lambda: 8, TIMES)):
        await until(lambda: not queue.due)
    assert [asked.count(who) for who in customers] == [1, 2, 2, 2, 2]


async def test_turns_of_a_group_that_ends_without_a_word_of_them_are_offered_again() -> None:
    queue = MemoryQueue(due=[customer() for _ in range(3)])
    answered = 0

    async def run_turns(together: Sequence[CustomerId]) -> AsyncIterator[Sequence[Ended]]:
        nonlocal answered
        answered += 1
        if answered > 1:
            queue.due.clear()
            yield [(who, True) for who in together]

    async with running(DispatchLoop(queue, run_turns, lambda: 8, TIMES)):
        await until(lambda: not queue.due)
    assert answered == 2


async def test_a_turn_that_could_not_run_is_offered_again_after_a_pause() -> None:
    queue = MemoryQueue(due=[customer()])
    attempts = 0

    async def run_turn(who: CustomerId) -> bool:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ConnectionError("the replica died")
        if attempts == 2:
            return False
        queue.due.remove(who)
        return True

    async with running(DispatchLoop(queue, partial(run_together, run_turn), lambda: 4, TIMES)):
        began = asyncio.get_running_loop().time()
        await until(lambda: not queue.due)
    assert attempts == 3
    assert asyncio.get_running_loop().time() - began >= 2 * TIMES.backoff_first_s


async def test_an_outage_ends_neither_the_loop_nor_its_heartbeat() -> None:
    queue = MemoryQueue(due=[customer()], away=True)
    done = asyncio.Event()

    async def run_turn(who: CustomerId) -> bool:
        queue.due.remove(who)
        done.set()
        return True

    loop = DispatchLoop(queue, partial(run_together, run_turn), lambda: 4, TIMES)
    async with running(loop):
        await until(lambda: queue.refused >= 1)
        began = time.monotonic()
        await until(lambda: queue.refused >= 3)
        assert loop.heartbeat.age_s() < time.monotonic() - began, "it beats at each try"
        queue.away = False
        await asyncio.wait_for(done.wait(), 60)


async def test_it_listens_again_when_the_connection_was_lost() -> None:
    queue = MemoryQueue()

    async def run_turn(who: CustomerId) -> bool:
        return True

    async with running(DispatchLoop(queue, partial(run_together, run_turn), lambda: 4, TIMES)):
        await until(lambda: queue.listened == 1)
        assert queue.on_lost is not None
        queue.on_lost()
        queue.on_notify()
        await until(lambda: queue.listened == 2)


async def test_stop_waits_for_the_turns_in_hand() -> None:
    queue = MemoryQueue(due=[customer()])
    begun = asyncio.Event()
    ended = False

    async def run_turn(who: CustomerId) -> bool:
        nonlocal ended
        queue.due.remove(who)
        begun.set()
        await asyncio.sleep(0.05)
        ended = True
        return True

    loop = DispatchLoop(queue, partial(run_together, run_turn), lambda: 4, TIMES)
    async with running(loop):
        await begun.wait()
        assert loop.in_hand == 1
    assert ended
