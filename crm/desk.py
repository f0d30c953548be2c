"""What people do: list, take over, answer, hand back, resolve. None of it waits for a running turn: each raises
the fence in its own transaction, and the turn loses at its commit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from agent.errors import Conflict, NotFound
from agent.records import (
    Channel,
    ConversationId,
    ConversationState,
    CustomerId,
    Escalation,
    EscalationId,
    EscalationStatus,
    ReasonCode,
    Severity,
    Team,
    TicketId,
    TicketStatus,
)
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("desk")
_ATTEMPTS = 3


class Desk:
    """Every method raises DatabaseAway, and those on one conversation NotFound."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reminder = timedelta(seconds=database.times.escalation_reminder_s)

    async def list_escalations(
        self, team: Team | None = None, status: EscalationStatus | None = None, limit: int = 200
    ) -> list[Escalation]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _QUERIES["fetch_escalations"],
                team.value if team else None,
                status.value if status else None,
                limit,
            )
        return [_to_escalation(row) for row in rows]

    async def take(self, conversation_id: ConversationId, operator: str) -> None:
        """Take a conversation over; a second time by the same operator changes nothing.

        Raises Conflict when another person has it or it is resolved.
        """
        async with self._locked(conversation_id) as (connection, row):
            await self._take(connection, conversation_id, row, operator)

    async def reply(
        self, conversation_id: ConversationId, operator: str, text: str, idempotency_key: str | None = None
    ) -> None:
        """Answer through the customer's channel, taking the conversation over where nobody has.

        The same key again changes nothing; with another text it raises Conflict.
        """
        token = _reply_token(conversation_id, idempotency_key)
        async with self._locked(conversation_id) as (connection, row):
            stored = await connection.fetchrow(_QUERIES["fetch_reply"], token)
            if stored is not None:
                if stored["body"] != text:
                    raise Conflict("this Idempotency-Key was used with another reply; use a new key")
                return
            await self._take(connection, conversation_id, row, operator)
            await connection.execute(_QUERIES["record_reply"], conversation_id, text, token)
            await connection.execute(_QUERIES["record_event"], conversation_id, "replied", operator)

    async def hand_back(self, conversation_id: ConversationId, operator: str, note: str = "") -> None:
        """Give an escalated conversation back to the FTE. Raises Conflict when it is not escalated."""
        async with self._locked(conversation_id) as (connection, row):
            if row["state"] != ConversationState.ESCALATED:
                raise Conflict("the conversation is not with a person")
            _check_owner(row, operator)
            await connection.execute(_QUERIES["record_handed_back"], conversation_id)
            await connection.execute(
                _QUERIES["close_escalation"], conversation_id, EscalationStatus.HANDED_BACK.value, note
            )
            await connection.execute(_QUERIES["record_ticket_status"], conversation_id, TicketStatus.IN_PROGRESS.value)
            await connection.execute(_QUERIES["record_event"], conversation_id, "handed_back", operator)

    async def resolve(self, conversation_id: ConversationId, operator: str, note: str = "") -> None:
        """End a conversation; again changes nothing. Raises Conflict while a new message is unread."""
        async with self._locked(conversation_id) as (connection, row):
            if row["state"] == ConversationState.RESOLVED:
                return
            _check_owner(row, operator)
            if await connection.fetchval(_QUERIES["has_queued"], conversation_id):
                raise Conflict("a new message of the customer has just arrived; read it, then resolve")
            await connection.execute(_QUERIES["cancel_pending"], conversation_id)
            await connection.execute(_QUERIES["record_resolved"], conversation_id)
            await connection.execute(
                _QUERIES["close_escalation"], conversation_id, EscalationStatus.RESOLVED.value, note
            )
            await connection.execute(_QUERIES["record_ticket_status"], conversation_id, TicketStatus.RESOLVED.value)
            await connection.execute(_QUERIES["record_event"], conversation_id, "resolved", operator)

    async def raise_again(self) -> int:
        """Remind of escalations that nobody took in time; returns how many."""
        async with self._database.connection() as connection:
            status: str = await connection.execute(_QUERIES["raise_again"], self._reminder)
        return int(status.rsplit(" ", 1)[-1])

    async def _take(
        self, connection: Connection, conversation_id: ConversationId, row: asyncpg.Record, operator: str
    ) -> None:
        if row["state"] == ConversationState.RESOLVED:
            raise Conflict("the conversation is resolved; a new message of the customer reopens it")
        if row["owner"] == operator:
            return
        _check_owner(row, operator)
        await connection.execute(_QUERIES["record_owner"], conversation_id, operator)
        await connection.execute(_QUERIES["record_taken"], conversation_id, operator)
        await connection.execute(_QUERIES["cancel_pending"], conversation_id)
        await connection.execute(_QUERIES["record_ticket_status"], conversation_id, TicketStatus.ESCALATED.value)
        await connection.execute(_QUERIES["record_event"], conversation_id, "taken", operator)

    @asynccontextmanager
    async def _locked(self, conversation_id: ConversationId) -> AsyncIterator[tuple[Connection, asyncpg.Record]]:
        """A transaction that holds the work row under a new fence, then the conversation.

        A conversation that a merge moved is looked for in a new transaction: holding one work row, another may be
        locked in sorted order only.
        """
        for _ in range(_ATTEMPTS):
            async with self._database.transaction() as connection:
                customer_id: CustomerId | None = await connection.fetchval(_QUERIES["fetch_customer"], conversation_id)
                if customer_id is None:
                    raise NotFound("no such conversation")
                await connection.execute(_QUERIES["lock_work"], customer_id)
                row = await connection.fetchrow(_QUERIES["lock_conversation"], conversation_id, customer_id)
                if row is not None:
                    yield connection, row
                    return
        raise Conflict("the conversation is being merged; try again")


def _check_owner(row: asyncpg.Record, operator: str) -> None:
    if row["owner"] is not None and row["owner"] != operator:
        raise Conflict("another person has this conversation")


def _reply_token(conversation_id: ConversationId, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return secrets.token_urlsafe(16)
    return hashlib.sha256(f"{conversation_id}:{idempotency_key}".encode()).hexdigest()[:32]


def _to_escalation(row: asyncpg.Record) -> Escalation:
    return Escalation(
        escalation_id=EscalationId(row["escalation_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        ticket_id=TicketId(row["ticket_id"]),
        channel=Channel(row["channel"]),
        customer_name=row["customer_name"],
        reason_code=ReasonCode(row["reason_code"]),
        team=Team(row["team"]),
        severity=Severity(row["severity"]),
        summary=row["summary"],
        status=EscalationStatus(row["status"]),
        taken_by=row["taken_by"],
        created_at=row["created_at"],
        taken_at=row["taken_at"],
    )
