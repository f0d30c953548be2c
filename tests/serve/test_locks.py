"""The lock actors in a real cluster."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from agent.records import CustomerId
from agent.times import Times
from agent.workers.lock_table import Answer
from deployments.conversation_locks import NAMESPACE, find_or_make_shard, shard_name
from deployments.lock_client import ActorLocks

# A shard of the tests' own, so that its times are theirs: nothing but an unconfirmed grant ends by itself.
SHARDS = 1
TIMES = Times(lock_deadline_s=120, lock_lease_s=600, lock_confirm_s=6)
PATIENCE_S = 120.0


@pytest.fixture
def locks(driver: Any) -> ActorLocks:
    return ActorLocks(SHARDS, TIMES)


def a_customer() -> CustomerId:
    return CustomerId(uuid4())


async def wait_until_parked(locks: ActorLocks, number: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while (await locks.describe())["0"]["waiting"] != number:  # noqa: ASYNC110  # another process knows
            await asyncio.sleep(0.01)


async def test_shards_can_be_had_before_anybody_is_locked(driver: Any) -> None:
    shards = 3  # nobody else's
    await ActorLocks(shards, TIMES).open()
    for shard in range(shards):
        driver.kill(driver.get_actor(shard_name(shard, shards), NAMESPACE))  # raises when there is none


async def test_the_lock_is_served_in_order(locks: ActorLocks) -> None:
    who = a_customer()
    first = await locks.acquire(who, "first")
    assert first is not None
    order: list[int] = []

    async def wait_for(number: int) -> None:
        grant = await locks.acquire(who, f"waiter-{number}")
        assert grant is not None
        order.append(number)
        await locks.release(grant)

    waiting = []
    for number in range(5):
        waiting.append(asyncio.create_task(wait_for(number)))
        await wait_until_parked(locks, number + 1)
    await locks.release(first)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_a_held_lock_lets_nobody_in_and_does_not_wait_for_ever(locks: ActorLocks) -> None:
    who = a_customer()
    hurried = ActorLocks(SHARDS, replace(TIMES, lock_deadline_s=0.5))
    grant = await locks.acquire(who, "holder")
    assert grant is not None
    async with asyncio.timeout(PATIENCE_S):  # far less than the holder's lease
        assert await hurried.acquire(who, "other") is None
    # Longer than an unconfirmed grant lives: the client renews by itself.
    await asyncio.sleep(TIMES.lock_confirm_s + 0.5)
    assert await hurried.acquire(who, "other") is None
    await locks.release(grant)
    after = await locks.acquire(who, "other")
    assert after is not None
    await locks.release(after)


async def test_many_parked_requests_do_not_hold_up_a_release(locks: ActorLocks, driver: Any) -> None:
    who = str(a_customer())
    actor = find_or_make_shard(0, SHARDS, TIMES)
    assert await actor.exchange.remote([], [(who, "holder")]) == [Answer.GRANTED]
    assert await actor.renew.remote(who, "holder")

    async def take_turn(number: int) -> bool:
        token = f"waiter-{number}"
        assert await actor.exchange.remote([], [(who, token)]) == [Answer.QUEUED]
        granted: bool = await actor.wait.remote(who, token, PATIENCE_S)
        await actor.exchange.remote([(who, token)], [])
        return granted

    # In whatever order they arrive: calls of an actor with concurrency groups may overtake one another.
    others = [asyncio.create_task(take_turn(number)) for number in range(60)]
    await wait_until_parked(locks, 60)
    # A release that was held up would come after the requests' own deadline, when all of them have given up.
    await actor.exchange.remote([(who, "holder")], [])
    assert await asyncio.gather(*others) == [True] * 60


async def test_a_killed_shard_comes_back_and_serves(locks: ActorLocks, driver: Any) -> None:
    who = a_customer()
    grant = await locks.acquire(who, "before")
    assert grant is not None
    actor = driver.get_actor(shard_name(0, SHARDS), namespace=NAMESPACE)
    driver.kill(actor, no_restart=False)
    async with asyncio.timeout(2 * PATIENCE_S):
        while (after := await locks.acquire(who, "after")) is None:  # noqa: ASYNC110  # an actor comes back
            await asyncio.sleep(0.1)
    await locks.release(after)
