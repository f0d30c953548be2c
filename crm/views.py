"""What the holder of a ticket's access token may see: own messages and delivered replies, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from agent.errors import NotFound
from agent.records import (
    Category,
    Channel,
    ConversationId,
    Direction,
    IdentifierKind,
    Identity,
    MessageId,
    OutboxState,
    OutcomeKind,
    Plan,
    Priority,
    TicketId,
    TicketStatus,
)
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("views")
_MESSAGES_MAX = 500


@dataclass(frozen=True, slots=True)
class TicketHead:
    """A ticket, and what a further message of its conversation needs."""

    ticket_id: TicketId
    status: TicketStatus
    category: Category
    priority: Priority
    created_at: datetime
    conversation_id: ConversationId
    channel: Channel
    thread_key: str
    identity: Identity
    plan: Plan


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """A message as its customer sees it."""

    direction: Direction
    body: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """A delivered reply; its id says where a stream of replies resumes."""

    message_id: MessageId
    shown: ShownMessage


@dataclass(frozen=True, slots=True)
class Probe:
    """How far one message has come; seconds since it was stored."""

    outcome_kind: OutcomeKind | None
    reason: str
    delivery: OutboxState | None
    committed_s: float | None
    delivered_s: float | None
    stages_ms: Mapping[str, float]


class TicketViews:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_ticket(self, ticket_id: str) -> TicketHead:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_ticket"], ticket_id)
        if row is None:
            raise NotFound("no such ticket")
        return _to_head(row)

    async def fetch_shown_messages(self, conversation_id: ConversationId) -> list[ShownMessage]:
        """What the customer may see, oldest first, at most the last 500."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_shown_messages"], conversation_id, _MESSAGES_MAX)
        return [_to_shown(row) for row in reversed(rows)]

    async def fetch_handed_over_at(self, conversation_id: ConversationId) -> datetime | None:
        """Since when it is with people, None when it is not."""
        async with self._database.connection() as connection:
            since: datetime | None = await connection.fetchval(_QUERIES["fetch_handed_over_at"], conversation_id)
        return since

    async def fetch_marks(self, conversation_ids: Sequence[ConversationId]) -> dict[ConversationId, str]:
        """A text for each conversation that changes when its status does or a reply was delivered."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_marks"], list(conversation_ids))
        return {ConversationId(row["conversation_id"]): row["mark"] for row in rows}

    async def fetch_replies_after(self, conversation_id: ConversationId, seen: MessageId | None) -> list[Reply]:
        """Delivered replies in the order of delivery; all of them when `seen` is none of them."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_replies_after"], conversation_id, seen)
        return [Reply(MessageId(row["message_id"]), _to_shown(row)) for row in rows]

    async def fetch_probe(self, message_id: MessageId) -> Probe:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_probe"], message_id)
        if row is None:
            raise NotFound("no such message")
        return Probe(
            outcome_kind=OutcomeKind(row["outcome_kind"]) if row["outcome_kind"] else None,
            reason=row["reason"] or "",
            delivery=OutboxState(row["delivery"]) if row["delivery"] else None,
            committed_s=row["committed_s"],
            delivered_s=row["delivered_s"],
            stages_ms=row["stages"] or {},
        )


def _to_head(row: asyncpg.Record) -> TicketHead:
    return TicketHead(
        ticket_id=TicketId(row["ticket_id"]),
        status=TicketStatus(row["status"]),
        category=Category(row["category"]),
        priority=Priority(row["priority"]),
        created_at=row["created_at"],
        conversation_id=ConversationId(row["conversation_id"]),
        channel=Channel(row["channel"]),
        thread_key=row["thread_key"],
        identity=Identity(
            IdentifierKind(row["identifier_kind"]), row["identifier_value"], row["verified"], row["name"]
        ),
        plan=Plan(row["plan"]),
    )


def _to_shown(row: asyncpg.Record) -> ShownMessage:
    return ShownMessage(Direction(row["direction"]), row["body"], row["created_at"])
