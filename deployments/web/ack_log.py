"""Times of accepted messages, written in batches: never in the transaction that they measure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from agent.errors import DatabaseAway
from agent.log_fields import leave_log_fields, log_extra
from agent.records import Accepted, Channel

_LOG = logging.getLogger(__name__)
_PERIOD_S = 1.0
_BATCH_MAX = 5_000

Ack = tuple[Channel, float]


def log_accepted(accepted: Accepted, channel: Channel, ms: float) -> None:
    """The first line about a message; `ms` is from its request to its commit."""
    what = "a message came again and changed nothing" if accepted.duplicate else "a message was accepted"
    about = log_extra(
        conversation_id=accepted.conversation_id,
        ticket_id=accepted.ticket_id,
        message_ids=[accepted.message_id],
        channel=channel,
        ms=ms,
    )
    _LOG.info(what, extra=about)


class AckLog:
    """Keeps the times of about a second, and at most 5,000 while the database is away."""

    def __init__(self, write: Callable[[Sequence[Ack]], Awaitable[None]], period_s: float = _PERIOD_S) -> None:
        self._write = write
        self._period_s = period_s
        self._waiting: list[Ack] = []
        self._task: asyncio.Task[None] | None = None

    def record(self, channel: Channel, ms: float) -> None:
        """Return at once; the time is written within about a second."""
        if len(self._waiting) < _BATCH_MAX:
            self._waiting.append((channel, ms))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_later())

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._flush()

    async def _write_later(self) -> None:
        leave_log_fields()
        while self._waiting:
            await asyncio.sleep(self._period_s)
            await self._flush()

    async def _flush(self) -> None:
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            await self._write(batch)
        except DatabaseAway:
            _LOG.info("the database is away; accept times wait", extra=log_extra(count=len(batch)))
            self._waiting = (batch + self._waiting)[:_BATCH_MAX]
