"""Turns that begin together, and how their ends are told."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from agent.records import CustomerId
from agent.workers.together import run_together
from tests.waiting import until

CUSTOMERS = [CustomerId(uuid4()) for _ in range(6)]


class Turns:
    """Turns that end when they are told to, with what they are told."""

    def __init__(self) -> None:
        self.ends = {customer_id: asyncio.get_running_loop().create_future() for customer_id in CUSTOMERS}
        self.begun: list[CustomerId] = []
        self.cancelled: list[CustomerId] = []

    async def run(self, customer_id: CustomerId) -> bool:
        self.begun.append(customer_id)
        try:
            settled: bool = await self.ends[customer_id]
        except asyncio.CancelledError:
            self.cancelled.append(customer_id)
            raise
        return settled

    def end(self, *customers: CustomerId, settled: bool = True) -> None:
        for customer_id in customers:
            self.ends[customer_id].set_result(settled)


async def test_all_begin_at_once_and_ends_that_are_near_each_other_are_told_together() -> None:
    turns = Turns()
    answers = run_together(turns.run, CUSTOMERS)
    waiting = asyncio.ensure_future(anext(answers))
    await until(lambda: turns.begun == CUSTOMERS)
    turns.end(*CUSTOMERS[:2])
    await asyncio.sleep(0)
    turns.end(CUSTOMERS[2], settled=False)
    assert sorted(await waiting) == sorted(zip(CUSTOMERS[:3], (True, True, False), strict=True))
    turns.end(*CUSTOMERS[3:])
    assert sorted(await anext(answers)) == sorted((customer_id, True) for customer_id in CUSTOMERS[3:])
    with pytest.raises(StopAsyncIteration):
        await anext(answers)


async def test_an_end_does_not_wait_for_turns_that_take_long() -> None:
    turns = Turns()
    answers = run_together(turns.run, CUSTOMERS)
    waiting = asyncio.ensure_future(anext(answers))
    await until(lambda: len(turns.begun) == len(CUSTOMERS))
    turns.end(CUSTOMERS[0])
    assert await waiting == [(CUSTOMERS[0], True)]
    await answers.aclose()
    assert turns.cancelled == CUSTOMERS[1:]


async def test_a_turn_that_raises_is_unsettled_and_the_others_go_on() -> None:
    turns = Turns()
    turns.ends[CUSTOMERS[0]].set_exception(ConnectionError("away"))
    turns.end(*CUSTOMERS[1:])
    answers = [answer async for answer in run_together(turns.run, CUSTOMERS)]
    told = dict(ended for answer in answers for ended in answer)
    assert told == {customer_id: customer_id != CUSTOMERS[0] for customer_id in CUSTOMERS}


async def test_turns_that_nobody_waits_for_any_more_are_cancelled() -> None:
    turns = Turns()
    waiting = asyncio.ensure_future(anext(run_together(turns.run, CUSTOMERS)))
    await until(lambda: len(turns.begun) == len(CUSTOMERS))
    turns.end(CUSTOMERS[0])
    waiting.cancel()
    await asyncio.wait([waiting])
    await until(lambda: len(turns.cancelled) == len(CUSTOMERS) - 1)
