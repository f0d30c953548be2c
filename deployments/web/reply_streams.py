"""Server-sent events of delivered replies. One watcher per replica looks for all open streams together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from agent.errors import DatabaseAway, NotFound, RateLimited
from agent.records import ConversationId, MessageId
from crm.views import Reply, TicketHead, TicketViews
from crm.work import DELIVERED_CHANNEL, WorkQueue
from deployments.web.watching import LIFETIME_S, RETRY_MS, Watcher, pulses

STREAMS_MAX = 100
_POLL_S = 1.0
_PAUSE_S = 0.05


class ReplyStreams:
    """Streams live for `lifetime_s` at most, shorter than any proxy's patience; browsers then resume."""

    def __init__(
        self,
        tickets: TicketViews,
        queue: WorkQueue,
        *,
        streams_max: int = STREAMS_MAX,
        lifetime_s: float = LIFETIME_S,
    ) -> None:
        self._tickets = tickets
        self._streams_max = streams_max
        self._lifetime_s = lifetime_s
        self._watched: dict[asyncio.Event, ConversationId] = {}
        self._marks: dict[ConversationId, str] = {}
        self._closing = asyncio.Event()
        self._watcher = Watcher(
            queue, [DELIVERED_CHANNEL], self._look, lambda: bool(self._watched), pause_s=_PAUSE_S, poll_s=_POLL_S
        )

    @property
    def open(self) -> int:
        """How many streams are open now."""
        return len(self._watched)

    def check_room(self) -> None:
        """Raise RateLimited when this replica has as many streams open as it may."""
        if self.open >= self._streams_max:
            raise RateLimited("too many open event streams; ask for the ticket from time to time instead")

    async def stream(self, head: TicketHead, seen: MessageId | None) -> AsyncIterator[bytes]:
        """Events `reply` (the delivered message) and `status` (the ticket's), from after `seen` on."""
        yield format_sse_event(retry=RETRY_MS)
        status = ""
        with self._watch(head.conversation_id) as changed:
            async for has_news in pulses(changed, self._closing, self._lifetime_s):
                if not has_news:
                    yield KEEPALIVE_COMMENT
                    continue
                try:
                    replies = await self._tickets.fetch_replies_after(head.conversation_id, seen)
                    now = await self._tickets.fetch_ticket(head.ticket_id)
                except (DatabaseAway, NotFound):
                    return
                for reply in replies:
                    seen = reply.message_id
                    yield _reply_event(reply)
                if now.status != status:
                    status = now.status
                    yield format_sse_event(event="status", data_str=json.dumps({"status": status}))

    async def close(self) -> None:
        """End all streams; browsers resume them elsewhere."""
        self._closing.set()
        for changed in self._watched:
            changed.set()
        await self._watcher.close()

    @contextmanager
    def _watch(self, conversation_id: ConversationId) -> Iterator[asyncio.Event]:
        changed = asyncio.Event()
        changed.set()  # the first look is at once
        self._watched[changed] = conversation_id
        self._watcher.wake()
        try:
            yield changed
        finally:
            del self._watched[changed]

    async def _look(self) -> None:
        found = await self._tickets.fetch_marks(list(set(self._watched.values())))
        for changed, conversation_id in self._watched.items():
            # Unknown to the last look: delivered, perhaps, between the stream's own look and this one.
            if found.get(conversation_id) != self._marks.get(conversation_id):
                changed.set()
        self._marks = found


def _reply_event(reply: Reply) -> bytes:
    shown = reply.shown
    data = {
        "direction": shown.direction,
        "body": shown.body,
        "created_at": shown.created_at.isoformat(),
    }
    return format_sse_event(event="reply", id=str(reply.message_id), data_str=json.dumps(data))
