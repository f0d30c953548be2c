"""The lock actor's class without Ray around it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from agent.times import Times
from deployments.conversation_locks import LockShard

# Nothing ends by itself while a test runs, but what the test shortens.
PATIENT = Times(lock_lease_s=600, lock_confirm_s=600)
PATIENCE_S = 60.0


async def test_parked_requests_are_served_in_order() -> None:
    shard = LockShard(PATIENT)
    assert await shard.acquire("c", "first", PATIENCE_S)
    order: list[str] = []

    async def wait_for(token: str) -> None:
        assert await shard.acquire("c", token, PATIENCE_S)
        order.append(token)
        await shard.release("c", token)

    waiting = []
    for token in ("second", "third", "fourth"):
        waiting.append(asyncio.create_task(wait_for(token)))
        await asyncio.sleep(0)
    await shard.release("c", "first")
    await asyncio.gather(*waiting)
    assert order == ["second", "third", "fourth"]
    assert await shard.count() == (0, 0)


async def test_a_request_gives_up_at_its_deadline_and_leaves_the_queue() -> None:
    shard = LockShard(PATIENT)
    await shard.acquire("c", "holder", PATIENCE_S)
    assert await shard.renew("c", "holder")
    async with asyncio.timeout(PATIENCE_S):  # far less than the holder's lease
        assert not await shard.acquire("c", "late", 0.05)
    assert await shard.count() == (1, 0)


async def test_a_waiter_gets_the_lock_of_a_holder_that_died_unconfirmed() -> None:
    shard = LockShard(replace(PATIENT, lock_confirm_s=0.05))
    began = time.monotonic()
    assert await shard.acquire("c", "dead", PATIENCE_S)
    assert await shard.acquire("c", "alive", PATIENCE_S)
    # Not before the grant expired, and long before a lease would have.
    assert 0.05 <= time.monotonic() - began < PATIENCE_S
