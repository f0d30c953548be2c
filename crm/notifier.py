"""Wake-ups after commits, coalesced: however many commits end meanwhile, one NOTIFY goes out every few milliseconds."""

from __future__ import annotations

import asyncio

from agent.errors import DatabaseAway
from crm.work import WORK_CHANNEL, WorkQueue

# A wake-up costs a transaction here and a look at the queue there. The first goes out at once.
_PAUSE_S = 0.01
DELIVERY_PAUSE_S = 0.04
"""For what is not the next step of a turn: deliveries, and those who watch for them."""


class Notifier:
    """A wake-up that is lost in an outage is covered by its listener's poll."""

    def __init__(self, queue: WorkQueue, channel: str = WORK_CHANNEL, pause_s: float = _PAUSE_S) -> None:
        """Two wake-ups are at least `pause_s` apart."""
        self._queue = queue
        self._channel = channel
        self._pause_s = pause_s
        self._wanted = False
        self._sending: asyncio.Task[None] | None = None

    def notify(self) -> None:
        """Return at once; a NOTIFY that begins after this call follows."""
        self._wanted = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._wanted:
            self._wanted = False
            try:
                await self._queue.notify(self._channel)
            except DatabaseAway:
                return
            await asyncio.sleep(self._pause_s)
