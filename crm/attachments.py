"""Files of conversations: added once, listed without their bytes, read one at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from agent.errors import Conflict, NotFound
from agent.records import ConversationId
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("attachments")


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it is listed. `media_type` is what its content is, whatever its name says."""

    attachment_id: UUID
    name: str
    media_type: str
    size_bytes: int
    created_at: datetime


class Attachments:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self,
        conversation_id: ConversationId,
        name: str,
        media_type: str,
        content: bytes,
        *,
        count_max: int,
        total_max_bytes: int,
    ) -> Attachment:
        """Store a file; the same content under the same name again is the same file.

        Raises Conflict when the conversation has no room for it beside what it has.
        """
        digest = hashlib.sha256(content).digest()
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _QUERIES["add_attachment"],
                conversation_id,
                name,
                media_type,
                digest,
                content,
                count_max,
                total_max_bytes,
            )
        if row is None:
            raise Conflict(f"a conversation has room for {count_max} files of together {total_max_bytes} bytes")
        return _to_attachment(row)

    async def fetch_all(self, conversation_id: ConversationId) -> list[Attachment]:
        """In the order of their coming."""
        async with self._database.connection() as connection:
            return await fetch_attachments(connection, conversation_id)

    async def fetch(self, conversation_id: ConversationId, attachment_id: UUID) -> tuple[Attachment, bytes]:
        """One file with its bytes. Raises NotFound, also for a file of another conversation."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_attachment"], conversation_id, attachment_id)
        if row is None:
            raise NotFound("no such file")
        return _to_attachment(row), row["content"]


async def fetch_attachments(connection: Connection, conversation_id: ConversationId) -> list[Attachment]:
    """The files of a conversation in the order of their coming."""
    rows = await connection.fetch(_QUERIES["fetch_attachments"], conversation_id)
    return [_to_attachment(row) for row in rows]


def _to_attachment(row: asyncpg.Record) -> Attachment:
    return Attachment(
        attachment_id=row["attachment_id"],
        name=row["name"],
        media_type=row["media_type"],
        size_bytes=row["size_bytes"],
        created_at=row["created_at"],
    )
