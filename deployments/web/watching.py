"""One look at the database for everybody on this replica who waits for something new in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from agent.errors import DatabaseAway
from crm.work import WorkQueue

LIFETIME_S = 50.0
RETRY_MS = 1_000
"""After which a browser resumes a stream that has ended."""
_KEEPALIVE_S = 15.0


class Watcher:
    """Looks while somebody watches: at every notification, at most once per `pause_s`, and at least every `poll_s` in
    case one was not heard. `look` may raise DatabaseAway; then it is asked again later."""

    def __init__(
        self,
        queue: WorkQueue,
        channels: Sequence[str],
        look: Callable[[], Awaitable[None]],
        is_watched: Callable[[], bool],
        *,
        pause_s: float,
        poll_s: float,
    ) -> None:
        self._queue = queue
        self._channel, *self._further = channels
        self._look = look
        self._is_watched = is_watched
        self._pause_s = pause_s
        self._poll_s = poll_s
        self._pulse = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stop_listening: Callable[[], Awaitable[None]] | None = None

    def wake(self) -> None:
        """Look soon; called when somebody begins to watch, too."""
        self._pulse.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._unlisten()

    async def _watch(self) -> None:
        while True:
            if not self._is_watched():
                await self._unlisten()
                if not self._is_watched():  # nobody joined meanwhile
                    return
            self._pulse.clear()
            try:
                await self._listen()
                await self._look()
            except DatabaseAway:
                await asyncio.sleep(self._poll_s)
                continue
            await asyncio.sleep(self._pause_s)
            try:
                await asyncio.wait_for(self._pulse.wait(), self._poll_s)
            except TimeoutError:
                continue

    async def _listen(self) -> None:
        if self._stop_listening is None:
            self._stop_listening = await self._queue.listen(
                self._pulse.set, self._channel, self._on_lost, further=self._further
            )

    def _on_lost(self) -> None:
        self._stop_listening = None

    async def _unlisten(self) -> None:
        stop, self._stop_listening = self._stop_listening, None
        if stop is not None:
            await stop()


async def pulses(changed: asyncio.Event, closing: asyncio.Event, lifetime_s: float) -> AsyncIterator[bool]:
    """For an event stream of `lifetime_s`, shorter than any proxy's patience: True for news, False when it is time to
    show that the line lives. Ends early when `closing` is set, for which `changed` must be set too."""
    until = time.monotonic() + lifetime_s
    while not closing.is_set() and (left_s := until - time.monotonic()) > 0:
        try:
            await asyncio.wait_for(changed.wait(), min(left_s, _KEEPALIVE_S))
        except TimeoutError:
            yield False
            continue
        changed.clear()
        yield True
