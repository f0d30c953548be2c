"""Requests of the form that look like spam and wait for a person: listed, released to the FTE, or discarded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.errors import Conflict, NotFound
from agent.records import ConversationId, Suspicion, TicketId
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("quarantine")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A request that waits. `address` is what was typed into the form; `messages` are in the order of their coming."""

    conversation_id: ConversationId
    ticket_id: TicketId
    reasons: Sequence[Suspicion]
    created_at: datetime
    customer_name: str
    address: str
    subject: str
    messages: Sequence[str]


class Quarantine:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_waiting(self, limit: int = 200) -> list[Quarantined]:
        """The longest wait first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_quarantined"], limit)
        return [
            Quarantined(
                conversation_id=ConversationId(row["conversation_id"]),
                ticket_id=TicketId(row["ticket_id"]),
                reasons=[Suspicion(reason) for reason in row["reasons"]],
                created_at=row["created_at"],
                customer_name=row["customer_name"],
                address=row["address"],
                subject=row["subject"],
                messages=row["messages"],
            )
            for row in rows
        ]

    async def release(self, conversation_id: ConversationId, operator: str) -> None:
        """Let the FTE handle it. Raises Conflict when it does not wait, NotFound for an unknown conversation."""
        await self._end(conversation_id, "released", operator)

    async def discard(self, conversation_id: ConversationId, operator: str) -> None:
        """End it as spam: nothing is answered, and its messages keep that reason. Raises as `release`."""
        await self._end(conversation_id, "discarded", operator)

    async def _end(self, conversation_id: ConversationId, ending: str, operator: str) -> None:
        async with self._database.connection() as connection:
            if await connection.fetchval(_QUERIES["end_quarantine"], conversation_id, ending, operator):
                return
            if not await connection.fetchval(_QUERIES["is_conversation"], conversation_id):
                raise NotFound("no such conversation")
        raise Conflict("the conversation is not in quarantine")
