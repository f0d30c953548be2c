"""Turns at once follow what their dependencies can take."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest

from agent.workers.pace import TurnPace


async def test_no_more_enter_than_there_is_room_and_the_others_follow_in_order() -> None:
    pace = TurnPace(most=2)
    first, second = await pace.enter(), await pace.enter()
    order: list[int] = []

    async def come(number: int) -> None:
        entered = await pace.enter()
        order.append(number)
        pace.leave(entered, overloaded=None)

    waiting = [asyncio.create_task(come(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == []
    pace.leave(first, overloaded=None)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    pace.leave(second, overloaded=None)


async def test_a_wave_of_failures_halves_once() -> None:
    pace = TurnPace(most=32)
    wave = [await pace.enter() for _ in range(32)]
    for entered in wave:
        pace.leave(entered, overloaded=True)
    assert pace.room == 16
    pace.leave(await pace.enter(), overloaded=True)
    assert pace.room == 8


async def test_two_may_always_run_and_success_wins_the_room_back() -> None:
    pace = TurnPace(most=8)
    for _ in range(10):
        pace.leave(await pace.enter(), overloaded=True)
    assert pace.room == 2
    for _ in range(100):
        pace.leave(await pace.enter(), overloaded=None)
    assert pace.room == 2
    for _ in range(24):
        pace.leave(await pace.enter(), overloaded=False)
    assert pace.room == 8


async def test_who_gives_up_waiting_leaves_the_place_to_the_next() -> None:
    pace = TurnPace(most=2)
    running = [await pace.enter(), await pace.enter()]
    gone, next_one = asyncio.create_task(pace.enter()), asyncio.create_task(pace.enter())
    await asyncio.sleep(0)
    pace.leave(running[0], overloaded=None)
    # The place is given, and its owner is cancelled before it runs.
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    await asyncio.wait_for(next_one, 60)
    pace.leave(running[1], overloaded=None)
    assert await asyncio.wait_for(pace.enter(), 60) == 0


async def test_a_slow_dependency_is_used_and_not_drowned() -> None:
    """A dependency answers one request a tick, in order, also those whose callers gave up after 5 ticks."""
    pace = TurnPace(most=32)
    asked: deque[tuple[int, asyncio.Future[bool]]] = deque()
    tick = 0

    async def customer() -> None:
        while True:
            entered = await pace.enter()
            answer = asyncio.get_running_loop().create_future()
            asked.append((tick, answer))
            pace.leave(entered, overloaded=not await answer)

    customers = [asyncio.create_task(customer()) for _ in range(60)]
    useful = []
    for tick in range(600):
        for _ in range(5):
            await asyncio.sleep(0)
        for since, answer in asked:
            if tick - since > 5 and not answer.done():
                answer.set_result(False)
        _, answer = asked.popleft()
        useful.append(not answer.done())
        if not answer.done():
            answer.set_result(True)
    for task in customers:
        task.cancel()
    await asyncio.gather(*customers, return_exceptions=True)
    assert sum(useful[300:]) > 200
