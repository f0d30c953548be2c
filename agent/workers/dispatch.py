"""The dispatcher's loop: it only schedules. Who is due is asked of Postgres, what to do is asked of the agents."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from agent.records import CustomerId
from agent.times import Times
from agent.workers.together import RunTurns
from agent.workers.waking_loop import StopListening, WakingLoop

_LOG = logging.getLogger(__name__)

# Turns that begin together share the calls that they make (of the locks, the models), and on a full machine cost a
# seventh less for it (docs/benchmarks.md). So while more is due than there are places for, freed places are collected
# until so many are free, or half of all, or for so long at the most; the agents have the other turns to go on with.
_TOGETHER, _REFILL_PAUSE_S = 16, 0.25


class DueWork(Protocol):
    """The queue as the dispatcher sees it. Every method raises DatabaseAway."""

    async def fetch_due(self, limit: int, in_hand: Collection[CustomerId] = ()) -> list[CustomerId]: ...

    async def seconds_until_due(self, in_hand: Collection[CustomerId] = ()) -> float | None: ...

    async def listen(
        self, on_notify: Callable[[], None], *, on_lost: Callable[[], None] | None = None
    ) -> Callable[[], Awaitable[None]]:
        """Call `on_notify` on each wake-up, and both once when the connection is lost; returns how to stop."""
        ...


class DispatchLoop(WakingLoop):
    """Asks for the turn of each customer that is due, at most `credits()` at a time and never one twice at once.

    It wakes on NOTIFY, on the end of a turn, at the next due time or lease end, and after poll_s at the latest.
    A wake-up that comes while it looks makes it look again. A turn of which nothing came (it is not settled, or
    `run_turns` raises or ends before it) is not offered again for backoff_first_s.
    """

    def __init__(
        self,
        work: DueWork,
        run_turns: RunTurns,
        credits: Callable[[], int],
        times: Times,
    ) -> None:
        super().__init__(
            times,
            beat_limit_s=times.poll_s + 3 * times.statement_timeout_s + times.backoff_cap_s,
            longest_outage_pause_s=times.poll_s,
        )
        self._work = work
        self._run_turns = run_turns
        self._credits = credits
        self._in_hand: set[CustomerId] = set()
        self._groups: set[asyncio.Task[None]] = set()
        self._look_again_at = 0.0

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    async def run(self) -> None:
        """Until `stop`; then waits for the turns in hand."""
        await super().run()
        if self._groups:
            await asyncio.wait(self._groups)

    async def _listen(self) -> StopListening:
        return await self._work.listen(self.wake, on_lost=self._stop_hearing)

    async def _round(self) -> float:
        """Start what is due and there are credits for; returns how long there is nothing to do."""
        credits = self._credits()
        free = credits - len(self._in_hand)
        if free <= 0:
            return self._times.poll_s
        now = time.monotonic()
        if free < min(_TOGETHER, credits // 2) and now < self._look_again_at:
            return self._look_again_at - now
        due = await self._work.fetch_due(free, list(self._in_hand))
        self._in_hand.update(due)
        for start in range(0, len(due), _TOGETHER):
            group = asyncio.create_task(self._run_group(due[start : start + _TOGETHER]))
            self._groups.add(group)
            group.add_done_callback(self._groups.discard)
        if len(due) == free:
            self._look_again_at = now + _REFILL_PAUSE_S
            return self._times.poll_s
        self._look_again_at = 0.0
        return self._at_most_poll_s(await self._work.seconds_until_due(list(self._in_hand)))

    async def _run_group(self, customers: Sequence[CustomerId]) -> None:
        running = set(customers)
        try:
            async for ended in self._run_turns(customers):
                for customer_id, settled in ended:
                    running.discard(customer_id)
                    self._end(customer_id, settled=settled)
        except Exception as error:  # a lost replica, whatever its error: the rows' leases say when to try again
            _LOG.warning("%d turns were not run to their end: %s", len(running), type(error).__name__)
        finally:
            for customer_id in running:
                self._end(customer_id, settled=False)

    def _end(self, customer_id: CustomerId, *, settled: bool) -> None:
        if settled:
            self._let_go(customer_id)
        else:
            asyncio.get_running_loop().call_later(self._times.backoff_first_s, self._let_go, customer_id)

    def _let_go(self, customer_id: CustomerId) -> None:
        self._in_hand.discard(customer_id)
        self.wake()
