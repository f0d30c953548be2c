"""Finds what a webhook outage missed: reads a provider's own list and accepts everything through the same door, which
knows what it has."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from agent.errors import BadInput, Conflict, DatabaseAway, ProviderAway
from agent.log_fields import log_extra
from agent.ports import MissedSource
from agent.records import Accepted, InboundMessage, MissedReport
from agent.times import Times
from agent.workers.waking_loop import WakingLoop

_LOG = logging.getLogger(__name__)
_OVERLAP = timedelta(minutes=10)
"""How far each look reaches back before the last one: lists are not complete at once."""
_LOOKS_LONG_S = 240.0
"""What one look may take; then another courier may begin."""

Accept = Callable[[InboundMessage], Awaitable[Accepted]]
Report = Callable[[MissedReport], Awaitable[None]]


class SyncStore(Protocol):
    """How far a source was read, and who reads it now. Every method raises DatabaseAway."""

    async def claim(self, source: str, every_s: float, lease_s: float) -> datetime | None:
        """Until when everything is known; None when it was read lately, or somebody reads it now."""

    async def record_synced(self, source: str, until: datetime) -> None: ...

    async def record_trouble(self, source: str, error: str) -> None: ...

    async def now(self) -> datetime: ...


class ReconcileLoop(WakingLoop):
    """Looks every `times.reconcile_s`; of any number of loops one looks at a time."""

    def __init__(
        self,
        source: MissedSource,
        syncs: SyncStore,
        accept: Accept,
        report: Report,
        wake_dispatcher: Callable[[], None],
        times: Times,
    ) -> None:
        super().__init__(times, beat_limit_s=_LOOKS_LONG_S + 60, longest_outage_pause_s=times.backoff_cap_s)
        self._source = source
        self._syncs = syncs
        self._accept = accept
        self._report = report
        self._wake_dispatcher = wake_dispatcher
        self._next_at = 0.0

    async def _round(self) -> float:
        if time.monotonic() < self._next_at:
            return self._times.poll_s
        since = await self._syncs.claim(self._source.name, self._times.reconcile_s, _LOOKS_LONG_S)
        self._next_at = time.monotonic() + self._times.reconcile_s / 4
        if since is not None:
            await self._look(since)
        return self._times.poll_s

    async def _look(self, since: datetime) -> None:
        until = await self._syncs.now()
        try:
            missed = await self._read(since - _OVERLAP)
        except ProviderAway as error:
            _LOG.warning("messages that a webhook may have missed cannot be looked for: %s", error)
            await self._syncs.record_trouble(self._source.name, str(error))
            return
        await self._syncs.record_synced(self._source.name, until)
        if missed:
            _LOG.warning("messages had not come by webhook and were fetched", extra=log_extra(count=missed))
            self._wake_dispatcher()

    async def _read(self, since: datetime) -> int:
        missed = 0
        async for each in self._source.fetch(since):
            if isinstance(each, MissedReport):
                await self._report(each)
                continue
            try:
                accepted = await self._accept(each)
            except DatabaseAway:
                raise
            except (BadInput, Conflict):
                _LOG.warning("a listed message was not taken")
                continue
            missed += not accepted.duplicate
        return missed
