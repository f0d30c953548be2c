"""What is done when nobody does anything: late escalations are raised again, quiet conversations end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from agent.records import Channel, ConversationId, Severity
from agent.service.hours import utc_now
from agent.service.rules import ServiceRules
from agent.times import Times
from agent.workers.waking_loop import WakingLoop

_LOG = logging.getLogger(__name__)
# Per channel and round: no round takes long, and a backlog is worked off by several.
_BATCH = 200


class AftercareStore(Protocol):
    """What the loop does in the database. Every method raises DatabaseAway."""

    async def raise_again(
        self, channel: Channel, late_until: Mapping[Severity, datetime], at_most: int, limit: int
    ) -> int: ...

    async def fetch_quiet(self, channel: Channel, since: datetime, limit: int) -> list[ConversationId]: ...

    async def close(self, conversation_id: ConversationId, since: datetime, unhappy_below: float) -> str: ...


FetchRules = Callable[[], Awaitable[Mapping[Channel, ServiceRules]]]


class AftercareLoop(WakingLoop):
    """Looks every aftercare_s, and again at once after a full batch. Any number may run: what one has done, another
    does not find any more."""

    def __init__(
        self,
        store: AftercareStore,
        rules: FetchRules,
        on_change: Callable[[], None],
        times: Times,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """`on_change` is called after a round that the desk should see."""
        super().__init__(
            times,
            # A round is many short statements; one that is stuck is what the health check is to see.
            beat_limit_s=times.aftercare_s + times.backoff_cap_s + 4 * times.statement_timeout_s,
            longest_outage_pause_s=times.backoff_cap_s,
        )
        self._store = store
        self._rules = rules
        self._on_change = on_change
        self._clock = clock

    async def _round(self) -> float:
        rules = await self._rules()
        again = False
        for channel, each in rules.items():
            self.heartbeat.beat()
            raised = await self._raise_again(channel, each)
            found, escalated = await self._close(channel, each)
            if raised or escalated:
                self._on_change()
            again = again or _BATCH in (raised, found)
        return 0.0 if again and not self._stopping else self._times.aftercare_s

    async def _raise_again(self, channel: Channel, rules: ServiceRules) -> int:
        """Late is what has waited so long in business time."""
        now, opening = self._clock(), rules.business_hours.opening
        late_until = {
            severity: opening.before(now, timedelta(minutes=minutes))
            for severity, minutes in rules.reminder_minutes.items()
        }
        raised = await self._store.raise_again(channel, late_until, rules.reminders_max, _BATCH)
        if raised:
            _LOG.info("raised %d escalations of %s again that nobody took", raised, channel.value)
        return raised

    async def _close(self, channel: Channel, rules: ServiceRules) -> tuple[int, int]:
        """How many were quiet, and how many of them a person must look at."""
        since = self._clock() - timedelta(hours=rules.close_after_hours)
        quiet = await self._store.fetch_quiet(channel, since, _BATCH)
        ends = []
        for conversation_id in quiet:
            if self._stopping:
                break
            self.heartbeat.beat()
            ends.append(await self._store.close(conversation_id, since, rules.unhappy_below))
        if ends:
            _LOG.info(
                "of %d quiet conversations of %s %d are resolved and %d go to a person",
                *(len(ends), channel.value, ends.count("resolved"), ends.count("escalated")),
            )
        # What others are busy with would be found again at once.
        done = ends.count("resolved") + ends.count("escalated")
        return done, ends.count("escalated")
