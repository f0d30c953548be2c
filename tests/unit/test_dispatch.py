"""The dispatcher's loop over a queue in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from agent.errors import DatabaseAway
from agent.records import CustomerId
from agent.times import Times
from agent.workers.dispatch import DispatchLoop
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
async def running(loop: DispatchLoop) -> AsyncIterator[None]:
    task = asyncio.create_task(loop.run())
    try:
        yield
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

    async with running(DispatchLoop(queue, run_turn, lambda: 4, TIMES)):
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

    async with running(DispatchLoop(queue, run_turn, lambda: 3, TIMES)):
        await until(lambda: not queue.due)
    assert most == 3


async def test_turns_that_end_one_after_the_other_share_a_look_while_nearly_all_places_are_taken() -> None:
    queue = MemoryQueue(due=[customer() for _ in range(50)])
    ends: list[asyncio.Event] = []

    async def run_turn(who: CustomerId) -> bool:
        end = asyncio.Event()
        ends.append(end)
        await end.wait()
        queue.due.remove(who)
        return True

    async with running(DispatchLoop(queue, run_turn, lambda: 40, TIMES)):
        await until(lambda: len(ends) == 40)
        looks = queue.looks
        for end in ends[:6]:
            end.set()
            await asyncio.sleep(0)
        await until(lambda: len(ends) == 46)
        assert queue.looks - looks <= 2
        for end in ends:
            end.set()
        await until(lambda: len(ends) == 50)
        for end in ends:
            end.set()


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

    async with running(DispatchLoop(queue, run_turn, lambda: 4, TIMES)):
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

    loop = DispatchLoop(queue, run_turn, lambda: 4, TIMES)
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

    async with running(DispatchLoop(queue, run_turn, lambda: 4, TIMES)):
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

    loop = DispatchLoop(queue, run_turn, lambda: 4, TIMES)
    async with running(loop):
        await begun.wait()
        assert loop.in_hand == 1
    assert ended
