"""One customer's turn from lock to commit, with everything that can go wrong in between.

Whatever happens, the database decides: a claim that lost its fence writes nothing, and what this worker does not
give back comes due again when its lease ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from agent.errors import ConfigurationInvalid, DependencyAway, FenceLost, FteError
from agent.log_fields import add_log_fields, log_extra, log_fields
from agent.ports import ConversationLocks, LockGrant, TurnStore
from agent.records import (
    Claim,
    CommitStatus,
    CustomerId,
    FailureCause,
    OutcomeKind,
    TurnContext,
    TurnDecision,
)
from agent.times import Times
from agent.turn.services import TurnServices
from agent.turn.turn import run_turn

_LOG = logging.getLogger(__name__)

ServicesFactory = Callable[[], Awaitable[TurnServices]]


class WorkStatus(StrEnum):
    COMMITTED = "committed"
    NOTHING_DUE = "nothing_due"
    FENCE_LOST = "fence_lost"
    DEPENDENCY_AWAY = "dependency_away"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class WorkResult:
    """What one call did. `stages` maps stage names to milliseconds, the commit's among them."""

    status: WorkStatus
    outcome: OutcomeKind | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    reruns: int = 0


class TurnWorker:
    """Safe for many customers at once in one event loop. `services` may be a factory that fails until it can serve."""

    def __init__(
        self,
        store: TurnStore,
        locks: ConversationLocks | None,
        services: TurnServices | ServicesFactory,
        times: Times,
        holder: str,
    ) -> None:
        self._store = store
        self._locks = locks
        self._services = services
        self._times = times
        self._holder = holder

    async def process(self, customer_id: CustomerId) -> WorkResult:
        """Run at most one burst's turn. Raises nothing but CancelledError.

        Lock first, then claim (the lock order of the whole system). One burst, even when more is queued: the others
        wait their turn with everyone else.
        """
        with log_fields(customer_id=customer_id):
            began = time.perf_counter()
            stages: dict[str, float] = {}
            grant = await self._acquire(customer_id)
            stages["lock"] = _ms_since(began)
            try:
                return await self._claimed(customer_id, stages)
            finally:
                if grant is not None:
                    await self._release_lock(grant)

    async def _claimed(self, customer_id: CustomerId, stages: dict[str, float]) -> WorkResult:
        began = time.perf_counter()
        try:
            claim = await self._store.claim(customer_id, self._holder)
        except Exception as error:
            return _without_claim(error, stages)
        stages["claim"] = _ms_since(began)
        if claim is None:
            return WorkResult(WorkStatus.NOTHING_DUE, stages=stages)
        add_log_fields(fence=claim.fence)
        try:
            return await self._under_heartbeat(claim, self._turn(claim, stages))
        except asyncio.CancelledError:
            await self._settle(self._store.release(claim))
            raise
        except FenceLost:
            _LOG.info("the fence moved on; this turn is dropped")
            return WorkResult(WorkStatus.FENCE_LOST, stages=stages)
        except (DependencyAway, ConfigurationInvalid) as error:
            # What the operator must set right is an outage to the customer, and no fault of their message.
            _LOG.warning("a turn waits: %s", error)
            await self._settle(self._store.fail(claim, FailureCause.DEPENDENCY, str(error)))
            return WorkResult(WorkStatus.DEPENDENCY_AWAY, stages=stages)
        except Exception as error:
            cause = describe(error)
            _LOG.error("a turn failed: %s", cause)
            await self._settle(self._store.fail(claim, FailureCause.MESSAGE, cause))
            return WorkResult(WorkStatus.FAILED, stages=stages)

    async def _turn(self, claim: Claim, stages: dict[str, float]) -> WorkResult:
        """Gather, decide, commit; once more when newer messages came, and then never again."""
        services = await self._make_services()
        began = time.perf_counter()
        reruns = 0
        while True:
            with_gather = time.perf_counter()
            context = await self._store.gather(claim)
            if context is None:
                await self._store.release(claim)
                return WorkResult(WorkStatus.NOTHING_DUE, stages=stages, reruns=reruns)
            stages["gather"] = stages.get("gather", 0.0) + _ms_since(with_gather)
            add_log_fields(
                conversation_id=context.conversation_id,
                ticket_id=context.ticket.ticket_id,
                channel=context.channel,
                message_ids=[message.message_id for message in context.burst],
            )
            async with asyncio.timeout(self._times.turn_timeout_s):
                decision = await run_turn(context, services)
            times = {**stages, **decision.stages, "queue_wait": context.queue_wait_ms, "turn": _ms_since(began)}
            decision = replace(decision, stages=times)
            committing = time.perf_counter()
            status = await self._commit(claim, context, decision, allow_rerun=reruns == 0 and self._may_rerun(context))
            times["commit"] = _ms_since(committing)
            if status is CommitStatus.COMMITTED:
                ended = log_extra(outcome=decision.kind, reason=decision.reason, ms=_ms_since(began))
                _LOG.info("a turn was committed", extra=ended)
                return WorkResult(WorkStatus.COMMITTED, decision.kind, times, reruns)
            reruns += 1

    async def _commit(
        self, claim: Claim, context: TurnContext, decision: TurnDecision, *, allow_rerun: bool
    ) -> CommitStatus:
        """A commit once begun is waited for, also when this worker is cancelled: its end must be known."""
        commit = asyncio.ensure_future(self._store.commit(claim, context, decision, allow_rerun=allow_rerun))
        try:
            return await asyncio.shield(commit)
        except asyncio.CancelledError:
            await asyncio.wait({commit}, timeout=self._times.statement_timeout_s)
            commit.cancel()
            raise

    def _may_rerun(self, context: TurnContext) -> bool:
        """No re-run for a burst that began long ago, so that a steady typist is answered too."""
        began_at = context.burst_began_at
        if began_at is None:
            return True
        return (datetime.now(UTC) - began_at).total_seconds() < self._times.rerun_cap_s

    async def _under_heartbeat(self, claim: Claim, turn: Coroutine[Any, Any, WorkResult]) -> WorkResult:
        """Run the turn while the lease is renewed; a lost fence ends the turn at once. Raises FenceLost."""
        work = asyncio.ensure_future(turn)
        heartbeat = asyncio.ensure_future(self._renew(claim))
        try:
            await asyncio.wait({work, heartbeat}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise FenceLost("the lease could not be renewed: the work was claimed again or taken over")
        finally:
            heartbeat.cancel()
            work.cancel()
            await asyncio.gather(work, heartbeat, return_exceptions=True)

    async def _renew(self, claim: Claim) -> None:
        """Return when the fence is lost. An outage does not count as that: the commit will tell."""
        while True:
            await asyncio.sleep(self._times.heartbeat_s)
            try:
                if not await self._store.renew(claim):
                    return
            except Exception as error:
                _LOG.warning("a lease could not be renewed now: %s", describe(error))

    async def _make_services(self) -> TurnServices:
        return self._services if isinstance(self._services, TurnServices) else await self._services()

    async def _acquire(self, customer_id: CustomerId) -> LockGrant | None:
        """None when there is no grant within the deadline, for any reason: then Postgres alone decides."""
        if self._locks is None:
            return None
        try:
            async with asyncio.timeout(3 * self._times.lock_deadline_s):
                return await self._locks.acquire(customer_id, self._holder)
        except Exception as error:
            _LOG.warning("no lock actor answered, Postgres decides alone: %s", describe(error))
            return None

    async def _release_lock(self, grant: LockGrant) -> None:
        assert self._locks is not None
        await self._settle(self._locks.release(grant))

    async def _settle(self, ending: Awaitable[None]) -> None:
        """Finish a clean-up even under cancellation, but not for ever; when it fails, a lease's end repairs it."""
        task = asyncio.ensure_future(ending)
        cancelled = False
        limit_s = self._times.acquire_connection_s + self._times.statement_timeout_s
        try:
            await asyncio.wait({task}, timeout=limit_s)
        except asyncio.CancelledError:
            cancelled = True
            await asyncio.wait({task}, timeout=limit_s)
        if not task.done():
            task.cancel()
        elif not task.cancelled() and (error := task.exception()) is not None:
            _LOG.warning("a clean-up failed, the lease's end will do it: %s", describe(error))
        if cancelled:
            raise asyncio.CancelledError


def _without_claim(error: Exception, stages: Mapping[str, float]) -> WorkResult:
    _LOG.warning("no claim: %s", describe(error))
    away = isinstance(error, DependencyAway | ConfigurationInvalid)
    return WorkResult(WorkStatus.DEPENDENCY_AWAY if away else WorkStatus.FAILED, stages=stages)


def describe(error: BaseException) -> str:
    """The error's class and where it arose; its words only when they are ours, since others may quote a customer."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename.rsplit('/', 1)[-1]}:{frames[-1].lineno}" if frames else ""
    what = f": {error}" if isinstance(error, FteError) else ""
    return f"{type(error).__name__}{what}{where}"


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
