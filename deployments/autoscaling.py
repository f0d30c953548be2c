"""Scaling by the queue in Postgres: how much is due, how long the oldest has waited, and how much is in hand.

The Ray dashboard imports this module too, to check a configuration, so it loads the rest only where it polls.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crm.database import Database
    from crm.work import Backlog

_LOG = logging.getLogger(__name__)
_SHORTEST_LOOK_S = 0.1  # the kernel counts in hundredths of a second
_MEMORY_S = 8.0
_STALE_AFTER_POLLS = 5
_UNUSED_AFTER_POLLS = 15


def wanted_replicas(
    backlog: Backlog, current: int, per_replica: int, max_age_s: float, turns_per_replica: int = 0
) -> int:
    """Enough replicas for the depth and for the turns in hand (0: whatever they are), and one more than now while the
    oldest waits longer than `max_age_s`."""
    by_depth = math.ceil(backlog.depth / per_replica)
    by_turns = math.ceil(backlog.in_hand / turns_per_replica) if turns_per_replica else 0
    by_age = current + 1 if backlog.oldest_s > max_age_s else 0
    return max(by_depth, by_turns, by_age)


class IdleCores:
    """How many cores of this machine are idle: a moving average, so that one busy second hides no idle machine.

    Looks in short succession count as one.
    """

    def __init__(self) -> None:
        self._idle_s, self._at = self._read()
        self._average = 0.0

    def look(self) -> float:
        idle_s, at = self._read()
        elapsed_s = at - self._at
        if elapsed_s >= _SHORTEST_LOOK_S:
            weight = 1.0 - math.exp(-elapsed_s / _MEMORY_S)
            self._average += weight * ((idle_s - self._idle_s) / elapsed_s - self._average)
            self._idle_s, self._at = idle_s, at
        return self._average

    def _read(self) -> tuple[float, float]:
        import psutil

        times = psutil.cpu_times()
        return times.idle + getattr(times, "iowait", 0.0), time.monotonic()


class QueueDepthPolicy:
    """A Serve autoscaling policy, called in the controller at every round of its loop.

    An exception here would stop the controller from looking after any application and a wait would stall it, so
    it never raises and only reads what a background task fetched. Without a fresh figure nothing changes.

    `spare_cores`: so many cores of this machine must be idle before a replica is added, 0 for no such condition. For
    a system on one machine only: elsewhere a new replica may run on another one. Beside full cores a further
    process only takes from the others, and acknowledgements wait (docs/benchmarks.md).
    """

    def __init__(
        self,
        settings_factory: str,
        per_replica: int,
        max_age_s: float,
        turns_per_replica: int = 0,
        spare_cores: float = 0.0,
        poll_s: float = 2.0,
    ) -> None:
        self._settings_factory = settings_factory
        self._per_replica = per_replica
        self._max_age_s = max_age_s
        self._turns_per_replica = turns_per_replica
        self._spare_cores = spare_cores
        self._poll_s = poll_s
        self._idle_cores = 0.0
        self._backlog: Backlog | None = None
        self._fetched_at = -math.inf
        self._asked_at = -math.inf
        self._polling: asyncio.Task[None] | None = None

    def __call__(self, context: Any) -> tuple[int | float, dict[str, Any]]:
        try:
            self._asked_at = time.monotonic()
            if self._polling is None or self._polling.done():
                self._polling = asyncio.get_running_loop().create_task(self._poll())
            stale = time.monotonic() - self._fetched_at > _STALE_AFTER_POLLS * self._poll_s
            if self._backlog is None or stale:
                return context.target_num_replicas, {}
            wanted = wanted_replicas(
                self._backlog,
                context.current_num_replicas,
                self._per_replica,
                self._max_age_s,
                self._turns_per_replica,
            )
            if self._idle_cores < self._spare_cores:
                wanted = min(wanted, context.target_num_replicas)
            return wanted, {}
        except Exception:
            _LOG.exception("the scaling policy failed; nothing changes")
            return context.target_num_replicas, {}

    async def _poll(self) -> None:
        from agent.errors import FteError
        from crm.database import Database
        from crm.work import WorkQueue
        from deployments.startup import start_replica

        database: Database | None = None
        try:
            settings = await asyncio.to_thread(start_replica, self._settings_factory)
            database = Database(settings.dsn(), settings.times, "fte-autoscaling", pool_size=1)
            queue, idle = WorkQueue(database), IdleCores()
            # A new configuration makes new policies; nobody asks the old ones any more.
            while time.monotonic() - self._asked_at < _UNUSED_AFTER_POLLS * self._poll_s:
                self._idle_cores = idle.look()
                try:
                    self._backlog = await queue.fetch_backlog()
                    self._fetched_at = time.monotonic()
                except FteError as error:
                    _LOG.warning("the queue's depth is not known: %s", error)
                await asyncio.sleep(self._poll_s)
        except Exception:
            _LOG.exception("watching the queue failed; trying again")
            await asyncio.sleep(self._poll_s)
        finally:
            if database is not None:
                await database.close()
