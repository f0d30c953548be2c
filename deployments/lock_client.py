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
from agent.times import Times
from deployments.conversation_locks import find_or_make_shard

_LOG = logging.getLogger(__name__)


def shard_of(customer_id: CustomerId, shards: int) -> int:
    """The same in every process and every release: two shards must never hold one customer's lock."""
    return int.from_bytes(hashlib.blake2b(customer_id.bytes, digest_size=8).digest()) % shards


class ActorLocks:
    """Implements ports.ConversationLocks. Actors are looked up or made on first use."""

    def __init__(self, shards: int, times: Times) -> None:
        self._shards = shards
        self._times = times
        self._actors: dict[int, Any] = {}
        self._renewals: dict[str, asyncio.Task[None]] = {}
        self.waiting = 0
        """Turns that wait for their lock now."""
        self.given_up = 0
        """Turns since the start that went on without one: Postgres alone kept them apart."""

    @property
    def held(self) -> int:
        return len(self._renewals)

    async def acquire(self, customer_id: CustomerId, holder: str) -> LockGrant | None:
        shard = shard_of(customer_id, self._shards)
        # The client makes the token, so that it can give up a grant whose answer it never saw.
        grant = LockGrant(customer_id, f"{holder}/{secrets.token_hex(8)}")
        self.waiting += 1
        try:
            actor = await self._actor(shard)
            granted = await self._ask(actor, grant)
        except (RayError, ValueError) as error:
            _LOG.warning("lock shard %d does not answer: %s", shard, type(error).__name__)
            self._actors.pop(shard, None)
            granted = False
        finally:
            self.waiting -= 1
        if not granted:
            self.given_up += 1
            return None
        self._renewals[grant.token] = asyncio.create_task(self._keep(actor, grant))
        return grant

    async def release(self, grant: LockGrant) -> None:
        """Does not wait for the actor: the lease covers a release that is lost."""
        renewal = self._renewals.pop(grant.token, None)
        if renewal is not None:
            renewal.cancel()
        actor = self._actors.get(shard_of(grant.customer_id, self._shards))
        if actor is not None:
            _give_up(actor, grant)

    async def describe(self) -> dict[str, dict[str, int]]:
        """How many locks each shard holds and how many requests wait. Raises RayError when one does not answer."""
        shards = {}
        for shard in range(self._shards):
            actor = await self._actor(shard)
            held, waiting = await asyncio.wrap_future(actor.count.remote().future())
            shards[str(shard)] = {"held": held, "waiting": waiting}
        return shards

    async def _actor(self, shard: int) -> Any:
        if shard not in self._actors:
            self._actors[shard] = await asyncio.to_thread(find_or_make_shard, shard, self._shards, self._times)
        return self._actors[shard]

    async def _ask(self, actor: Any, grant: LockGrant) -> bool:
        deadline_s = self._times.lock_deadline_s
        answer = actor.acquire.remote(str(grant.customer_id), grant.token, deadline_s).future()
        try:
            return bool(await asyncio.wait_for(asyncio.wrap_future(answer), deadline_s))
        except (TimeoutError, asyncio.CancelledError) as error:
            _give_up(actor, grant)
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


def _give_up(actor: Any, grant: LockGrant) -> None:
    with contextlib.suppress(RayError):
        actor.release.remote(str(grant.customer_id), grant.token)
