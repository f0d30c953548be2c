"""What the dispatcher's and the courier's loops have in common: work in Postgres, and sleep until something is due."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from agent.errors import DatabaseAway
from agent.times import Times
from agent.workers.heartbeat import Heartbeat

_LOG = logging.getLogger(__name__)

StopListening = Callable[[], Awaitable[None]]


class WakingLoop(ABC):
    """Rounds of work, and sleep in between: until it is woken, until a round's own time, and poll_s at the longest.

    A wake-up that comes during a round makes another round follow at once.
    """

    def __init__(self, times: Times, *, beat_limit_s: float, longest_outage_pause_s: float) -> None:
        """`beat_limit_s`: what a round may take. A pause for the database doubles up to `longest_outage_pause_s`."""
        self._times = times
        self._longest_outage_pause_s = longest_outage_pause_s
        self._wake = asyncio.Event()
        self._stopping = False
        self._listening = False
        self.heartbeat = Heartbeat(beat_limit_s)

    async def _listen(self) -> StopListening:
        """Begin to hear wake-ups: `wake` for each, `_stop_hearing` when no more will come. Raises DatabaseAway.

        Here of a loop that nobody wakes, for which time passes unannounced.
        """
        return _nothing

    @abstractmethod
    async def _round(self) -> float:
        """Do what is to be done now; returns for how many seconds there is nothing. Raises DatabaseAway."""

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until `stop`; the round that runs then is finished."""
        stop_listening: StopListening | None = None
        outage_pause_s = self._times.backoff_first_s
        while not self._stopping:
            self.heartbeat.beat()
            # Cleared before the look: what comes during it is not lost.
            self._wake.clear()
            try:
                if not self._listening:
                    stop_listening = await self._listen()
                    self._listening = True
                pause_s = await self._round()
                outage_pause_s = self._times.backoff_first_s
            except DatabaseAway:
                # A single miss is a busy moment, as when everything starts at once.
                level = logging.DEBUG if outage_pause_s == self._times.backoff_first_s else logging.WARNING
                _LOG.log(level, "the database is away; looking again in %.1f s", outage_pause_s)
                await asyncio.sleep(outage_pause_s)
                outage_pause_s = min(2 * outage_pause_s, self._longest_outage_pause_s)
            else:
                await self._sleep(pause_s)
        if stop_listening is not None:
            await stop_listening()

    def stop(self) -> None:
        """Start nothing new; `run` returns when what is in hand has ended."""
        self._stopping = True
        self.wake()

    def _at_most_poll_s(self, seconds: float | None) -> float:
        """A pause until something is due; None when nothing is."""
        return self._times.poll_s if seconds is None else min(max(seconds, 0.0), self._times.poll_s)

    def _stop_hearing(self) -> None:
        self._listening = False

    async def _sleep(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return


async def _nothing() -> None:
    """There is nothing to stop."""
