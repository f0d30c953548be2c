"""Files that messages name at their provider: to be fetched, and kept as attachments of the conversation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from agent.records import Channel, ConversationId, FetchedFile, MediaFetch
from crm.attachments import Attachments
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("media")
FILES_MAX = 40
TOTAL_MAX_BYTES = 80 * 1024 * 1024
"""Of one conversation together: one with a WhatsApp sender may go on for months."""


class MediaFetches:
    """Implements agent.workers.media.MediaStore."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._attachments = Attachments(database)
        self._times = database.times

    async def claim(self, channels: Sequence[Channel], limit: int) -> list[MediaFetch]:
        """Lease what is due. A lease that ends before the fetch does makes a second one, which stores the same."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _QUERIES["claim_media"],
                [channel.value for channel in channels],
                limit,
                timedelta(seconds=self._times.media_lease_s),
            )
        return [
            MediaFetch(
                media_id=row["media_id"],
                channel=Channel(row["channel"]),
                conversation_id=ConversationId(row["conversation_id"]),
                message_key=row["provider_message_id"],
                url=row["url"],
                media_type=row["media_type"],
                attempts=row["attempts"],
            )
            for row in rows
        ]

    async def record_stored(self, media: MediaFetch, file: FetchedFile) -> None:
        """Keep the file with its conversation; the same file again is the same attachment."""
        attachment = await self._attachments.add(
            media.conversation_id,
            file.name,
            file.media_type,
            file.content,
            count_max=FILES_MAX,
            total_max_bytes=TOTAL_MAX_BYTES,
        )
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_stored"], media.media_id, attachment.attachment_id)

    async def record_retry(self, media: MediaFetch, error: str) -> None:
        """Try again later; over the budget the file is given up, and the message stays as it is."""
        if media.attempts >= self._times.media_budget:
            await self.record_failed(media, error)
            return
        pause_s = 3.0 ** (media.attempts - 1)
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_retry"], media.media_id, pause_s, error)

    async def record_failed(self, media: MediaFetch, error: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_failed"], media.media_id, error)

    async def seconds_until_due(self) -> float | None:
        """Until a file is due; None when none is open."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(_QUERIES["fetch_next_due"])
        return seconds
