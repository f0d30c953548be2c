"""The dispatcher's loop: it only schedules. Who is due is asked of Postgres, what to do is asked of the agents."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from agent.errors import DatabaseAway
from agent.heartbeat import Heartbeat
from agent.records import CustomerId
from agent.times import Times

_LOG = logging.getLogger(__name__)


class DueWork(Protocol):
    """The queue as the dispatcher sees it. Every method raises DatabaseAway."""

    async def fetch_due(self, limit: int, in_hand: Collection[CustomerId] = ()) -> list[CustomerId]: ...

    async def seconds_until_due(self, in_hand: Collection[CustomerId] = ()) -> float | None: ...

    async def listen(
        self, on_notify: Callable[[], None], *, on_lost: Callable[[], None] | None = None
    ) -> Callable[[], Awaitable[None]]:
        """Call `on_notify` on each wake-up, and both once when the connection is lost; returns how to stop."""
        ...


class DispatchLoop:
    """Asks for the turn of each customer that is due, at most `credits()` at a time and never one twice at once.

    It wakes on NOTIFY, on the end of a turn, at the next due time or lease end, and after poll_s at the latest.
    A wake-up that comes while it looks makes it look again. A turn of which nothing came (`run_turn` is False or
    raises) is not offered again for backoff_first_s.
    """

    def __init__(
        self,
        work: DueWork,
        run_turn: Callable[[CustomerId], Awaitable[bool]],
        credits: Callable[[], int],
        times: Times,
    ) -> None:
        self._work = work
        self._run_turn = run_turn
        self._credits = credits
        self._times = times
        self._wake = asyncio.Event()
        self._stopping = False
        self._listening = False
        self._in_hand: dict[CustomerId, asyncio.Task[None]] = {}
        self.heartbeat = Heartbeat(times.poll_s + 3 * times.statement_timeout_s + times.backoff_cap_s)

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Until `stop`; then waits for the turns in hand."""
        stop_listening: Callable[[], Awaitable[None]] | None = None
        pause_after_failure_s = self._times.backoff_first_s
        while not self._stopping:
            self.heartbeat.beat()
            # Cleared before the look: what comes during it is not lost.
            self._wake.clear()
            try:
                if not self._listening:
                    stop_listening = await self._work.listen(self.wake, on_lost=self._stop_hearing)
                    self._listening = True
                pause_s = await self._round()
                pause_after_failure_s = self._times.backoff_first_s
            except DatabaseAway:
                _LOG.warning("the database is away; looking again in %.1f s", pause_after_failure_s)
                await asyncio.sleep(pause_after_failure_s)
                pause_after_failure_s = min(2 * pause_after_failure_s, self._times.poll_s)
            else:
                await self._sleep(pause_s)
        if stop_listening is not None:
            await stop_listening()
        if self._in_hand:
            await asyncio.wait(list(self._in_hand.values()))

    def stop(self) -> None:
        """Start nothing new; `run` returns when the turns in hand have ended."""
        self._stopping = True
        self.wake()

    async def _round(self) -> float:
        """Start what is due and there are credits for; returns how long there is nothing to do."""
        free = self._credits() - len(self._in_hand)
        if free <= 0:
            return self._times.poll_s
        due = await self._work.fetch_due(free, list(self._in_hand))
        for customer_id in due:
            self._in_hand[customer_id] = asyncio.create_task(self._run_one(customer_id))
        if len(due) == free:
            return self._times.poll_s
        pause_s = await self._work.seconds_until_due(list(self._in_hand))
        return self._times.poll_s if pause_s is None else min(max(pause_s, 0.0), self._times.poll_s)

    async def _run_one(self, customer_id: CustomerId) -> None:
        try:
            if not await self._settles(customer_id):
                await asyncio.sleep(self._times.backoff_first_s)
        finally:
            self._in_hand.pop(customer_id, None)
            self.wake()

    async def _settles(self, customer_id: CustomerId) -> bool:
        try:
            return await self._run_turn(customer_id)
        except Exception as error:  # a lost replica, whatever its error: the row's lease says when to try again
            _LOG.warning("a turn was not run: %s", type(error).__name__)
            return False

    def _stop_hearing(self) -> None:
        self._listening = False

    async def _sleep(self, pause_s: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), pause_s)
        except TimeoutError:
            return
