"""Accept: one inbound message becomes durable, queued work in one transaction (invariants 1 and 2)."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from agent.errors import Conflict, DatabaseAway
from agent.records import (
    Accepted,
    ConversationId,
    CustomerId,
    InboundMessage,
    MessageId,
    TicketId,
    TicketStatus,
)
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("inbox")
_MERGED_AWAY = "FT001"
# Each collision means that a twin committed, which the next run finds; three would need three twins in a row.
_ATTEMPTS = 5


class Inbox:
    """The way in for every channel."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reopen = timedelta(seconds=database.times.reopen_s)

    async def accept(self, message: InboundMessage) -> Accepted:
        """Commit the message, or find what an earlier delivery of it committed.

        Raises Conflict when the same key came with another request, DatabaseAway.
        """
        for _ in range(_ATTEMPTS):
            try:
                row = await self._accept_once(message)
            except asyncpg.UniqueViolationError:
                continue
            except asyncpg.PostgresError as error:
                if error.sqlstate != _MERGED_AWAY:
                    raise
                continue
            if not row["same_request"]:
                raise Conflict("this Idempotency-Key was used with another request; use a new key")
            return _to_accepted(row)
        raise DatabaseAway("the message kept colliding with deliveries of its twin; try again")

    async def _accept_once(self, message: InboundMessage) -> asyncpg.Record:
        async with self._database.connection() as connection:
            row: asyncpg.Record | None = await connection.fetchrow(
                _QUERIES["accept_message"],
                message.channel.value,
                message.provider_message_id,
                message.thread_key,
                message.identity.kind.value,
                message.identity.value,
                message.identity.verified,
                message.identity.display_name,
                message.subject,
                message.body,
                message.category.value if message.category else None,
                message.priority.value if message.priority else None,
                message.request_hash,
                message.synthetic,
                self._reopen,
            )
        assert row is not None, "a set-returning call without a set"
        return row


def _to_accepted(row: asyncpg.Record) -> Accepted:
    return Accepted(
        customer_id=CustomerId(row["customer_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        message_id=MessageId(row["message_id"]),
        ticket_id=TicketId(row["ticket_id"]),
        ticket_status=TicketStatus(row["ticket_status"]),
        expected_response_minutes=row["expected_response_minutes"],
        duplicate=row["duplicate"],
    )
