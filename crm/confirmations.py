"""An address that a form or a mail claimed, and what its owner says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import asyncpg

from agent.errors import DatabaseAway
from agent.records import ConfirmationId, ConversationId, OutboxKind, OutboxState, TicketId
from crm.database import Connection, Database
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


@dataclass(frozen=True, slots=True)
class LetterLine:
    """A letter as an operator sees it beside the conversation."""

    kind: OutboxKind
    state: OutboxState
    address: str
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    confirmation: str | None


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
        answer = await self._prove("confirm_identifier", confirmation_id)
        assert answer is not None, "the function says what became of it"
        return answer

    async def confirm_by_reply(self, conversation_id: ConversationId, message_ids: Sequence[str]) -> Answer | None:
        """The claim of a conversation by mail is proved: a mail that its address sent names `message_ids`, and one of
        them is a mail of ours there. None when it proves nothing, or is proved already."""
        return await self._prove("confirm_by_reply", conversation_id, list(message_ids))

    async def decline(self, confirmation_id: ConfirmationId) -> Answer:
        """Somebody else wrote. DECLINED, REPEATED, or CONFIRMED, REVOKED, UNKNOWN when it can no longer be."""
        answer = await self._call("decline_identifier", confirmation_id)
        assert answer is not None, "the function says what became of it"
        return answer

    async def fetch_letters(self, conversation_id: ConversationId) -> list[Letter]:
        """The latest first, at most 100."""
        async with self._database.connection() as connection:
            return await _fetch_letters(connection, conversation_id)

    async def switch_mail(self, *, on: bool) -> None:
        """Say whether answers of the form also go by mail from now on."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["switch_mail"], on)

    async def _prove(self, query: str, *arguments: object) -> Answer | None:
        for _ in range(_ATTEMPTS):
            try:
                return await self._call(query, *arguments)
            except asyncpg.UniqueViolationError:
                continue
            except asyncpg.PostgresError as error:
                if error.sqlstate != _CAME_BETWEEN:
                    raise
        raise DatabaseAway("the customer kept being merged; try again")

    async def _call(self, query: str, *arguments: object) -> Answer | None:
        async with self._database.connection() as connection:
            answer = await connection.fetchval(_QUERIES[query], *arguments)
        return None if answer is None else Answer(answer)


async def fetch_letter_lines(connection: Connection, conversation_id: ConversationId) -> list[LetterLine]:
    """The latest first, at most 100."""
    return [
        LetterLine(
            kind=letter.kind,
            state=letter.state,
            address=letter.address,
            error=letter.error,
            created_at=letter.created_at,
            finished_at=letter.finished_at,
            confirmation=letter.confirmation,
        )
        for letter in await _fetch_letters(connection, conversation_id)
    ]


async def _fetch_letters(connection: Connection, conversation_id: ConversationId) -> list[Letter]:
    rows = await connection.fetch(_QUERIES["fetch_letters"], conversation_id, _LETTERS_MAX)
    return [Letter(**{**row, "kind": OutboxKind(row["kind"]), "state": OutboxState(row["state"])}) for row in rows]
