"""The lock actor's class without Ray around it."""

from __future__ import annotations

import asyncio
import time

from agent.times import Times
from deployments.conversation_locks import LockShard


async def test_parked_requests_are_served_in_order() -> None:
    shard = LockShard(Times())
    assert await shard.acquire("c", "first", 1.0)
    order: list[str] = []

    async def wait_for(token: str) -> None:
        assert await shard.acquire("c", token, 1.0)
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
    shard = LockShard(Times())
    await shard.acquire("c", "holder", 1.0)
    assert await shard.renew("c", "holder")
    began = time.monotonic()
    assert not await shard.acquire("c", "late", 0.05)
    assert time.monotonic() - began < 0.5
    assert await shard.count() == (1, 0)


async def test_a_waiter_gets_the_lock_of_a_holder_that_died_unconfirmed() -> None:
    shard = LockShard(Times(lock_deadline_s=0.05, lock_confirm_s=0.05))
    assert await shard.acquire("c", "dead", 1.0)
    began = time.monotonic()
    assert await shard.acquire("c", "alive", 1.0)
    assert 0.03 < time.monotonic() - began < 0.5
