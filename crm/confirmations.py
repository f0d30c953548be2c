"""An address that a form claimed, and what its owner says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from agent.errors import DatabaseAway
from agent.records import ConfirmationId, ConversationId, OutboxKind, OutboxState, TicketId
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("confirmations")
# A merge, or a first mail from the same address, came between; the next run sees it.
_CAME_BETWEEN = "FT001"
_ATTEMPTS = 5
_LETTERS_MAX = 100


class Answer(StrEnum):
    """What became of an answer, or why it counts for nothing."""

    CONFIRMED = "confirmed"
    DECLINED = "declined"
    REPEATED = "repeated"
    REVOKED = "revoked"
    """A merge that it led to was undone by a person."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a confirmation is about."""

    conversation_id: ConversationId
    ticket_id: TicketId


@dataclass(frozen=True, slots=True)
class Letter:
    """What left, or is to leave, by mail beside a conversation. `confirmation` is the state of a request to confirm."""

    kind: OutboxKind
    state: OutboxState
    address: str
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    ticket_id: TicketId
    confirmation_id: ConfirmationId | None
    confirmation: str | None
    asked_at: datetime | None


class Confirmations:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, confirmation_id: ConfirmationId) -> Asked | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_asked"], confirmation_id)
        return Asked(ConversationId(row["conversation_id"]), TicketId(row["ticket_id"])) if row else None

    async def confirm(self, confirmation_id: ConfirmationId) -> Answer:
        """The claim is proved. Where another customer has proved the same address, the claim's customer is merged into
        that one. CONFIRMED, REPEATED, or DECLINED, REVOKED, UNKNOWN when it can no longer be."""
        for _ in range(_ATTEMPTS):
            try:
                return await self._call("confirm_identifier", confirmation_id)
            except asyncpg.UniqueViolationError:
                continue
            except asyncpg.PostgresError as error:
                if error.sqlstate != _CAME_BETWEEN:
                    raise
        raise DatabaseAway("the customer kept being merged; try again")

    async def decline(self, confirmation_id: ConfirmationId) -> Answer:
        """Somebody else wrote. DECLINED, REPEATED, or CONFIRMED, REVOKED, UNKNOWN when it can no longer be."""
        return await self._call("decline_identifier", confirmation_id)

    async def fetch_letters(self, conversation_id: ConversationId) -> list[Letter]:
        """The latest first, at most 100."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_letters"], conversation_id, _LETTERS_MAX)
        return [Letter(**{**row, "kind": OutboxKind(row["kind"]), "state": OutboxState(row["state"])}) for row in rows]

    async def switch_mail(self, *, on: bool) -> None:
        """Say whether answers of the form also go by mail from now on."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["switch_mail"], on)

    async def _call(self, query: str, confirmation_id: ConfirmationId) -> Answer:
        async with self._database.connection() as connection:
            return Answer(await connection.fetchval(_QUERIES[query], confirmation_id))
