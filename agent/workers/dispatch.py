"""The dispatcher's loop: it only schedules. Who is due is asked of Postgres, what to do is asked of the agents."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

from agent.log_fields import log_fields
from agent.records import CustomerId
from agent.times import Times
from agent.workers.waking_loop import StopListening, WakingLoop

_LOG = logging.getLogger(__name__)

# While nearly all places are taken, the ends of turns are collected for so long before the queue is looked at for
# the few that are free: one look for several, and the agents have the others to go on with.
_FEW, _REFILL_PAUSE_S = 4, 0.05


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
        super().__init__(
            times,
            beat_limit_s=times.poll_s + 3 * times.statement_timeout_s + times.backoff_cap_s,
            longest_outage_pause_s=times.poll_s,
        )
        self._work = work
        self._run_turn = run_turn
        self._credits = credits
        self._in_hand: dict[CustomerId, asyncio.Task[None]] = {}
        self._look_again_at = 0.0

    @property
    def in_hand(self) -> int:
        return len(self._in_hand)

    async def run(self) -> None:
        """Until `stop`; then waits for the turns in hand."""
        await super().run()
        if self._in_hand:
            await asyncio.wait(list(self._in_hand.values()))

    async def _listen(self) -> StopListening:
        return await self._work.listen(self.wake, on_lost=self._stop_hearing)

    async def _round(self) -> float:
        """Start what is due and there are credits for; returns how long there is nothing to do."""
        credits = self._credits()
        free = credits - len(self._in_hand)
        if free <= 0:
            return self._times.poll_s
        now = time.monotonic()
        if free < credits // _FEW and now < self._look_again_at:
            return self._look_again_at - now
        self._look_again_at = now + _REFILL_PAUSE_S
        due = await self._work.fetch_due(free, list(self._in_hand))
        for customer_id in due:
            self._in_hand[customer_id] = asyncio.create_task(self._run_one(customer_id))
        if len(due) == free:
            return self._times.poll_s
        return self._at_most_poll_s(await self._work.seconds_until_due(list(self._in_hand)))

    async def _run_one(self, customer_id: CustomerId) -> None:
        try:
            with log_fields(customer_id=customer_id):
                settled = await self._settles(customer_id)
            if not settled:
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
