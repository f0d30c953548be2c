"""The lock actors: few, sharded by customer, each a LockTable behind Ray calls."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import ray

from agent.times import Times
from agent.workers.lock_table import Answer, LockTable

NAMESPACE = "fte"
# Detached actors keep the code and the times that they started with, so a change of either must change the name.
VERSION = 2
_PARKED, _CONTROL = "parked", "control"


def shard_name(shard: int, shards: int) -> str:
    return f"conversation-lock-v{VERSION}-{shard}-of-{shards}"


Hold = tuple[str, str]
"""A customer and the token under which their lock is held or wanted."""


@dataclass(slots=True)
class _Place:
    """Of a queued request: its turn, and since when it is queued."""

    turn: Future[bool]
    since: float
    waited_for: bool = False


class LockShard:
    """One shard. Each concurrency group runs on an event loop of its own, so the table is behind a mutex."""

    def __init__(self, times: Times) -> None:
        self._table = LockTable(times.lock_lease_s, times.lock_confirm_s)
        self._lease_s = times.lock_lease_s
        self._tidy_at = time.monotonic() + self._lease_s
        self._mutex = threading.Lock()
        self._parked: dict[str, _Place] = {}

    @ray.method(concurrency_group=_CONTROL)
    async def exchange(self, ended: list[Hold], wanted: list[Hold]) -> list[Answer]:
        """Give locks or places in the queue up, then ask for others; answers in the order of `wanted`.

        A hold is granted for confirm_s unless it is renewed. Who is queued calls `wait` for it.
        """
        with self._mutex:
            now = time.monotonic()
            self._tidy(now)
            for customer, token in ended:
                self._grant(self._table.release(customer, token, now))
            return [self._request(customer, token, now) for customer, token in wanted]

    @ray.method(concurrency_group=_PARKED)
    async def wait(self, customer: str, token: str, wait_s: float) -> bool:
        """Wait for a queued lock at most `wait_s`. True: `token` holds it; False: it has given its place up."""
        with self._mutex:
            place = self._parked.get(token)
            if place is None:
                return False
            place.waited_for = True
        return await self._wait_for_turn(customer, token, place.turn, time.monotonic() + wait_s)

    @ray.method(concurrency_group=_CONTROL)
    async def renew(self, customer: str, token: str) -> bool:
        with self._mutex:
            return self._table.renew(customer, token, time.monotonic())

    @ray.method(concurrency_group=_CONTROL)
    async def count(self) -> tuple[int, int]:
        """How many locks are held and how many requests wait."""
        with self._mutex:
            return len(self._table), self._table.waiting

    def _request(self, customer: str, token: str, now: float) -> Answer:
        self._grant(self._table.expire(customer, now))
        answer = self._table.request(customer, token, now)
        if answer is Answer.QUEUED:
            self._parked[token] = _Place(Future(), now)
        return answer

    def _tidy(self, now: float) -> None:
        """Now and then forget whose client died: holds that nobody waits for, and places that nobody waits in."""
        if now < self._tidy_at:
            return
        self._tidy_at = now + self._lease_s
        self._table.forget_expired(now)
        for token, place in list(self._parked.items()):
            if place.since + self._lease_s < now and not place.waited_for:
                del self._parked[token]

    async def _wait_for_turn(self, customer: str, token: str, turn: Future[bool], until: float) -> bool:
        try:
            while (now := time.monotonic()) < until:
                with self._mutex:
                    hold_ends_at = self._table.expires_at(customer)
                alarm = until if hold_ends_at is None else min(until, hold_ends_at)
                try:
                    wait_s = max(alarm - now, 0.001)
                    return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(turn)), wait_s)
                except TimeoutError:
                    with self._mutex:
                        self._grant(self._table.expire(customer, time.monotonic()))
            with self._mutex:
                if turn.done():
                    return True
                self._table.release(customer, token, time.monotonic())
                return False
        finally:
            self._parked.pop(token, None)

    def _grant(self, token: str | None) -> None:
        place = self._parked.get(token) if token is not None else None
        if place is not None and not place.turn.done():
            place.turn.set_result(True)


_RemoteLockShard = ray.remote(num_cpus=0, max_restarts=-1, concurrency_groups={_PARKED: 1000, _CONTROL: 100})(LockShard)


def find_or_make_shard(shard: int, shards: int, times: Times) -> Any:
    """The actor of a shard. Asks Ray's control store, which blocks."""
    name = shard_name(shard, shards)
    options = _RemoteLockShard.options(name=name, namespace=NAMESPACE, lifetime="detached", get_if_exists=True)
    return options.remote(times)
