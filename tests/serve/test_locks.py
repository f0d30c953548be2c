"""The lock actors in a real cluster."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from agent.records import CustomerId
from agent.times import Times
from deployments.conversation_locks import NAMESPACE, find_or_make_shard, shard_name
from deployments.lock_client import ActorLocks, shard_of

SHARDS = 2
TIMES = Times()


@pytest.fixture
def locks(driver: Any) -> ActorLocks:
    return ActorLocks(SHARDS, TIMES)


def a_customer() -> CustomerId:
    return CustomerId(uuid4())


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
        await asyncio.sleep(0.01)
    await locks.release(first)
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2, 3, 4]


async def test_a_held_lock_lets_nobody_in_and_does_not_wait_for_ever(locks: ActorLocks) -> None:
    who = a_customer()
    grant = await locks.acquire(who, "holder")
    assert grant is not None
    began = time.monotonic()
    assert await locks.acquire(who, "other") is None
    assert time.monotonic() - began < TIMES.lock_deadline_s + 0.5
    # Longer than an unconfirmed grant lives: the client confirms and renews by itself.
    await asyncio.sleep(TIMES.lock_confirm_s + 0.3)
    assert await locks.acquire(who, "other") is None
    await locks.release(grant)
    assert await locks.acquire(who, "other") is not None


async def test_many_parked_requests_do_not_hold_up_a_release(locks: ActorLocks, driver: Any) -> None:
    who = a_customer()
    actor = find_or_make_shard(shard_of(who, SHARDS), SHARDS, TIMES)
    await actor.acquire.remote(str(who), "holder", 1.0)
    parked = [actor.acquire.remote(str(uuid4()), "holder", 5.0) for _ in range(10)]
    others = [actor.acquire.remote(str(who), f"waiter-{number}", 3.0) for number in range(60)]
    began = time.monotonic()
    await actor.release.remote(str(who), "holder")
    assert time.monotonic() - began < 1.0
    assert await others[0] is True
    await asyncio.gather(*(actor.release.remote(str(who), f"waiter-{number}") for number in range(60)))
    await asyncio.gather(*parked, *others)


async def test_a_killed_shard_comes_back_and_serves(locks: ActorLocks, driver: Any) -> None:
    who = a_customer()
    grant = await locks.acquire(who, "before")
    assert grant is not None
    shard = shard_of(who, SHARDS)
    actor = driver.get_actor(shard_name(shard, SHARDS), namespace=NAMESPACE)
    driver.kill(actor, no_restart=False)
    async with asyncio.timeout(30):
        while (after := await locks.acquire(who, "after")) is None:  # noqa: ASYNC110  # an actor comes back
            await asyncio.sleep(0.1)
    await locks.release(after)
