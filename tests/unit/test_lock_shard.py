"""The lock actor's class without Ray around it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from agent.times import Times
from agent.workers.lock_table import Answer
from deployments.conversation_locks import LockShard

# Nothing ends by itself while a test runs, but what the test shortens.
PATIENT = Times(lock_lease_s=600, lock_confirm_s=600)
PATIENCE_S = 60.0


async def acquire(shard: LockShard, token: str, wait_s: float = PATIENCE_S) -> bool:
    [answer] = await shard.exchange([], [("c", token)])
    return answer is Answer.GRANTED or (answer is Answer.QUEUED and await shard.wait("c", token, wait_s))


async def test_parked_requests_are_served_in_order() -> None:
    shard = LockShard(PATIENT)
    assert await acquire(shard, "first")
    order: list[str] = []

    async def wait_for(token: str) -> None:
        assert await acquire(shard, token)
        order.append(token)
        await shard.exchange([("c", token)], [])

    waiting = []
    for token in ("second", "third", "fourth"):
        waiting.append(asyncio.create_task(wait_for(token)))
        await asyncio.sleep(0)
    await shard.exchange([("c", "first")], [])
    await asyncio.gather(*waiting)
    assert order == ["second", "third", "fourth"]
    assert await shard.count() == (0, 0)


async def test_a_request_gives_up_at_its_deadline_and_leaves_the_queue() -> None:
    shard = LockShard(PATIENT)
    assert await acquire(shard, "holder")
    assert await shard.renew("c", "holder")
    async with asyncio.timeout(PATIENCE_S):  # far less than the holder's lease
        assert not await acquire(shard, "late", 0.05)
    assert await shard.count() == (1, 0)


async def test_a_waiter_gets_the_lock_of_a_holder_that_died_unconfirmed() -> None:
    shard = LockShard(replace(PATIENT, lock_confirm_s=0.05))
    began = time.monotonic()
    assert await acquire(shard, "dead")
    assert await acquire(shard, "alive")
    # Not before the grant expired, and long before a lease would have.
    assert 0.05 <= time.monotonic() - began < PATIENCE_S


async def test_one_call_ends_and_asks_and_answers_in_order() -> None:
    shard = LockShard(PATIENT)
    asked = [("a", "1"), ("b", "2"), ("a", "3")]
    assert await shard.exchange([], asked) == [Answer.GRANTED, Answer.GRANTED, Answer.QUEUED]
    assert await shard.exchange([("b", "2")], [("b", "4")]) == [Answer.GRANTED]
    await shard.exchange([("a", "1")], [])
    assert await shard.wait("a", "3", PATIENCE_S), "granted before it came to wait"


async def test_a_place_whose_client_died_is_given_up_and_forgotten() -> None:
    shard = LockShard(replace(PATIENT, lock_lease_s=0.05, lock_confirm_s=0.04))
    await shard.exchange([], [("c", "holder")])
    await shard.exchange([], [("c", "dead")])
    await asyncio.sleep(0.1)
    assert await acquire(shard, "alive")
    assert not await shard.wait("c", "dead", PATIENCE_S)
