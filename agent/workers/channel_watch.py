"""Says of each alarm of a channel once that it began, and once that it ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from agent.channel_health import WHAT_TO_DO, Alarm, AlarmKind
from agent.log_fields import log_extra
from agent.records import Channel
from agent.times import Times
from agent.workers.waking_loop import WakingLoop

_LOG = logging.getLogger(__name__)
_EVERY_S = 30.0
_STANDS_STILL_AFTER_S = 180.0


class Change(Protocol):
    """An alarm that began, or ended."""

    @property
    def channel(self) -> Channel: ...

    @property
    def kind(self) -> AlarmKind: ...

    @property
    def began(self) -> bool: ...


class AlarmStore(Protocol):
    """crm.channel_alarms.ChannelAlarms."""

    async def note(self) -> tuple[Sequence[Alarm], Sequence[Change]]:
        """The alarms now, and what changed since somebody asked last. Raises DatabaseAway."""
        ...


class ChannelWatch(WakingLoop):
    """Any number of them may run: the store tells each change to one."""

    def __init__(self, alarms: AlarmStore, times: Times) -> None:
        super().__init__(times, beat_limit_s=_STANDS_STILL_AFTER_S, longest_outage_pause_s=times.backoff_cap_s)
        self._alarms = alarms

    async def _round(self) -> float:
        alarms, changes = await self._alarms.note()
        details = {(each.channel, each.kind): each.detail for each in alarms}
        for change in changes:
            about = log_extra(channel=change.channel, reason=change.kind.value)
            if change.began:
                detail = details.get((change.channel, change.kind), change.kind.value)
                _LOG.error("a channel needs a look: %s. %s", detail, WHAT_TO_DO[change.kind], extra=about)
            else:
                _LOG.info("a channel's trouble is over: %s", change.kind.value, extra=about)
        return _EVERY_S
