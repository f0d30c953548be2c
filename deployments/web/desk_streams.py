"""Server-sent events for the desk: which conversations have something new. The page reads them itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from agent.errors import RateLimited
from agent.records import ConversationId
from crm.escalations import Escalations
from crm.work import DELIVERED_CHANNEL, DESK_CHANNEL, OUTBOX_CHANNEL, WORK_CHANNEL, WorkQueue
from deployments.web.watching import LIFETIME_S, RETRY_MS, Watcher, pulses

DESK_STREAMS_MAX = 50
_POLL_S = 2.0
_PAUSE_S = 0.25
# Accepted messages, committed turns, deliveries, and what other operators do.
_CHANNELS = (DESK_CHANNEL, WORK_CHANNEL, OUTBOX_CHANNEL, DELIVERED_CHANNEL)


@dataclass(eq=False)
class _Viewer:
    """An open stream: the conversation that its page shows, and what it has not been told yet."""

    shown: ConversationId | None
    news: set[ConversationId] = field(default_factory=set)
    has_news: asyncio.Event = field(default_factory=asyncio.Event)


class DeskStreams:
    """Streams live for `lifetime_s` at most, shorter than any proxy's patience; browsers then resume. A page looks at
    everything when its stream begins, so that nothing is missed between two."""

    def __init__(
        self,
        escalations: Escalations,
        queue: WorkQueue,
        *,
        streams_max: int = DESK_STREAMS_MAX,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self._escalations = escalations
        self._streams_max = streams_max
        self._lifetime_s = lifetime_s
        self._viewers: set[_Viewer] = set()
        self._marks: dict[ConversationId, str] | None = None
        self._closing = asyncio.Event()
        self._watcher = Watcher(
            queue, _CHANNELS, self._look, lambda: bool(self._viewers), pause_s=_PAUSE_S, poll_s=_POLL_S
        )

    @property
    def open(self) -> int:
        """How many streams are open now."""
        return len(self._viewers)

    def check_room(self) -> None:
        """Raise RateLimited when this replica has as many streams open as it may."""
        if self.open >= self._streams_max:
            raise RateLimited("too many open event streams; ask for the escalations from time to time instead")

    async def stream(self, shown: ConversationId | None) -> AsyncIterator[bytes]:
        """Events `ready` (from now on nothing is missed) and `changed` with the conversations that have news."""
        yield format_sse_event(retry=RETRY_MS)
        with self._watch(shown) as viewer:
            yield format_sse_event(event="ready", data_str="{}")
            async for has_news in pulses(viewer.has_news, self._closing, self._lifetime_s):
                if not has_news:
                    yield KEEPALIVE_COMMENT
                    continue
                news, viewer.news = sorted(map(str, viewer.news)), set()
                if news:
                    yield format_sse_event(event="changed", data_str=json.dumps({"conversations": news}))

    async def close(self) -> None:
        """End all streams; browsers resume them elsewhere."""
        self._closing.set()
        for viewer in self._viewers:
            viewer.has_news.set()
        await self._watcher.close()

    @contextmanager
    def _watch(self, shown: ConversationId | None) -> Iterator[_Viewer]:
        viewer = _Viewer(shown)
        if not self._viewers:
            self._marks = None  # nobody looked for a while: what is found first is where it begins
        self._viewers.add(viewer)
        self._watcher.wake()
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)

    async def _look(self) -> None:
        shown = {viewer.shown for viewer in self._viewers if viewer.shown is not None}
        found = await self._escalations.fetch_marks(shown)
        known, self._marks = self._marks, found
        # What nobody had looked at before may be news to a page that read it before this look.
        changed = found.keys() if known is None else {key for key in found | known if found.get(key) != known.get(key)}
        for viewer in self._viewers:
            if changed:
                viewer.news |= changed
                viewer.has_news.set()
