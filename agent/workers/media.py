"""Fetches the files that messages name, after they were accepted; a message never waits for its files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.errors import Conflict, DatabaseAway, MediaRefused, MediaUnavailable
from agent.log_fields import log_fields
from agent.ports import MediaSource
from agent.records import Channel, FetchedFile, MediaFetch
from agent.times import Times
from agent.workers.waking_loop import WakingLoop

_LOG = logging.getLogger(__name__)
_BATCH = 4
"""Files that are held in memory at once."""
_LEASE_REST_S = 5.0
"""What of a fetch's lease is left to store the file."""


class MediaStore(Protocol):
    """What is to be fetched. Every method raises DatabaseAway."""

    async def claim(self, channels: Sequence[Channel], limit: int) -> list[MediaFetch]: ...

    async def record_stored(self, media: MediaFetch, file: FetchedFile) -> None:
        """Raises Conflict when the conversation has no room for it."""

    async def record_retry(self, media: MediaFetch, error: str) -> None: ...

    async def record_failed(self, media: MediaFetch, error: str) -> None: ...

    async def seconds_until_due(self) -> float | None: ...


class MediaLoop(WakingLoop):
    """Claims a few, fetches them side by side, stores each. Any number of loops may run."""

    def __init__(self, store: MediaStore, sources: Mapping[Channel, MediaSource], times: Times) -> None:
        super().__init__(
            times,
            beat_limit_s=times.poll_s
            + times.media_lease_s
            + 4 * times.statement_timeout_s
            + times.acquire_connection_s,
            longest_outage_pause_s=times.backoff_cap_s,
        )
        self._store = store
        self._sources = sources

    async def _round(self) -> float:
        media = await self._store.claim(list(self._sources), _BATCH)
        if not media:
            return self._at_most_poll_s(await self._store.seconds_until_due())
        ends = await asyncio.gather(*(self._fetch(each) for each in media), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return 0.0

    async def _fetch(self, media: MediaFetch) -> None:
        with log_fields(conversation_id=media.conversation_id, channel=media.channel):
            try:
                async with asyncio.timeout(self._times.media_lease_s - _LEASE_REST_S):
                    file = await self._sources[media.channel].fetch(media)
                await self._store.record_stored(media, file)
            except DatabaseAway:
                raise
            except (MediaRefused, Conflict) as error:
                _LOG.warning("a file of a message is not taken: %s", error)
                await self._store.record_failed(media, str(error))
            except (MediaUnavailable, TimeoutError) as error:
                await self._store.record_retry(media, str(error) or "no answer in time")
            except Exception as error:
                # Whatever a source raises that it does not promise must not end the loop.
                _LOG.exception("a file of a message could not be fetched")
                await self._store.record_retry(media, type(error).__name__)
