"""ports.ConversationLocks over the lock actors. Whatever goes wrong means: let Postgres alone decide."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import secrets
from typing import Any

from ray.exceptions import RayError

from agent.ports import LockGrant
from agent.records import CustomerId
from agent.shared_calls import SharedCalls
from agent.times import Times
from agent.workers.lock_table import Answer
from deployments.conversation_locks import Hold, find_or_make_shard

_LOG = logging.getLogger(__name__)


def shard_of(customer_id: CustomerId, shards: int) -> int:
    """The same in every process and every release: two shards must never hold one customer's lock."""
    return int.from_bytes(hashlib.blake2b(customer_id.bytes, digest_size=8).digest()) % shards


# A call of an actor costs more than a millisecond on both sides. So under load requests of so long share one, and an
# ended hold waits so long for a request to travel with; who asks for the same lock from here brings it along.
_EXCHANGE_EVERY_S = 0.025
_RIDE_S = 0.2


class ActorLocks:
    """Implements ports.ConversationLocks. Actors are looked up or made on first use, or with `open`."""

    def __init__(self, shards: int, times: Times) -> None:
        self._shards = shards
        self._times = times
        self._doors: dict[int, _Door] = {}
        self._renewals: dict[str, asyncio.Task[None]] = {}
        self.waiting = 0
        """Turns that wait for their lock now."""
        self.given_up = 0
        """Turns since the start that went on without one: Postgres alone kept them apart."""

    @property
    def held(self) -> int:
        return len(self._renewals)

    async def open(self) -> None:
        """Have the actors looked up, or made where they are not there, at once. What fails or takes too long is tried
        again on first use."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._times.lock_deadline_s):
                await asyncio.gather(*(self._try_door(shard) for shard in range(self._shards)))

    async def acquire(self, customer_id: CustomerId, holder: str) -> LockGrant | None:
        shard = shard_of(customer_id, self._shards)
        # The client makes the token, so that it can give up a grant whose answer it never saw.
        grant = LockGrant(customer_id, f"{holder}/{secrets.token_hex(8)}")
        self.waiting += 1
        try:
            door = await self._door(shard)
            granted = await self._ask(door, grant)
        except (RayError, ValueError) as error:
            _LOG.warning("lock shard %d does not answer: %s", shard, type(error).__name__)
            self._doors.pop(shard, None)
            granted = False
        finally:
            self.waiting -= 1
        if not granted:
            self.given_up += 1
            return None
        self._renewals[grant.token] = asyncio.create_task(self._keep(door.actor, grant))
        return grant

    async def release(self, grant: LockGrant) -> None:
        """Does not wait for the actor: the lease covers a release that is lost."""
        renewal = self._renewals.pop(grant.token, None)
        if renewal is not None:
            renewal.cancel()
        door = self._doors.get(shard_of(grant.customer_id, self._shards))
        if door is not None:
            door.give_up(grant)

    async def describe(self) -> dict[str, dict[str, int]]:
        """How many locks each shard holds and how many requests wait. Raises RayError when one does not answer."""
        shards = {}
        for shard in range(self._shards):
            door = await self._door(shard)
            held, waiting = await asyncio.wrap_future(door.actor.count.remote().future())
            shards[str(shard)] = {"held": held, "waiting": waiting}
        return shards

    async def _try_door(self, shard: int) -> None:
        try:
            await self._door(shard)
        except (RayError, ValueError) as error:
            _LOG.warning("lock shard %d was not to be had: %s", shard, type(error).__name__)

    async def _door(self, shard: int) -> _Door:
        if shard not in self._doors:
            actor = await asyncio.to_thread(find_or_make_shard, shard, self._shards, self._times)
            self._doors.setdefault(shard, _Door(actor, self._times.lock_deadline_s))
        return self._doors[shard]

    async def _ask(self, door: _Door, grant: LockGrant) -> bool:
        try:
            async with asyncio.timeout(self._times.lock_deadline_s):
                return await door.request(grant)
        except (TimeoutError, asyncio.CancelledError) as error:
            door.give_up(grant)
            if isinstance(error, asyncio.CancelledError):
                raise
            return False

    async def _keep(self, actor: Any, grant: LockGrant) -> None:
        """Renew the grant until it is released or lost."""
        with contextlib.suppress(RayError):
            held = True
            while held:
                await asyncio.sleep(self._times.heartbeat_s)
                renewal = actor.renew.remote(str(grant.customer_id), grant.token).future()
                held = await asyncio.wrap_future(renewal)
        self._renewals.pop(grant.token, None)


class _Door:
    """The way to one shard: requests that come while it is asked share the next call, and what has ended joins them."""

    def __init__(self, actor: Any, deadline_s: float) -> None:
        self.actor = actor
        self._deadline_s = deadline_s
        self._calls: SharedCalls[Hold, list[Answer]] = SharedCalls(
            self._exchange, in_flight=1, max_items=256, every_s=_EXCHANGE_EVERY_S
        )
        self._ended: list[Hold] = []
        self._farewell: asyncio.Task[None] | None = None

    async def request(self, grant: LockGrant) -> bool:
        """Raises RayError; TimeoutError when the actor does not answer."""
        [answer] = await self._calls.ask([_to_hold(grant)])
        if answer is not Answer.QUEUED:
            return answer is Answer.GRANTED
        waited = self.actor.wait.remote(str(grant.customer_id), grant.token, self._deadline_s).future()
        return bool(await asyncio.wrap_future(waited))

    def give_up(self, grant: LockGrant) -> None:
        """Soon: with the next request, or alone after a short while. What is lost on the way, its lease ends."""
        self._ended.append(_to_hold(grant))
        if self._farewell is None or self._farewell.done():
            self._farewell = asyncio.create_task(self._say_farewell())

    async def _say_farewell(self) -> None:
        while self._ended:
            await asyncio.sleep(_RIDE_S)
            if self._ended:
                with contextlib.suppress(RayError, TimeoutError):
                    await self._calls.ask([])

    async def _exchange(self, wanted: list[Hold]) -> list[Answer]:
        ended, self._ended = self._ended, []
        answered = self.actor.exchange.remote(ended, wanted).future()
        async with asyncio.timeout(self._deadline_s):
            answers: list[Answer] = await asyncio.wrap_future(answered)
        return answers


def _to_hold(grant: LockGrant) -> Hold:
    return str(grant.customer_id), grant.token
