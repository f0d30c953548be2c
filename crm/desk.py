"""What people do: take over, answer, hand back, resolve, assign. None of it waits for a running turn: what changes who
may answer raises the fence in its own transaction, and the turn loses at its commit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from agent.errors import Conflict, NotFound
from agent.records import (
    Category,
    ConversationId,
    ConversationState,
    CustomerId,
    EscalationRequest,
    EscalationStatus,
    MessageId,
    OutboxId,
    Plan,
    Priority,
    ResolutionKind,
    TicketStatus,
)
from agent.text.confirmation import confirms_solution
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("desk")
_ATTEMPTS = 3


class _RehearsalEnds(Exception):
    """Rolls a rehearsal's transaction back."""


class Desk:
    """Every method raises DatabaseAway, and NotFound for what it is told to act on."""

    def __init__(self, database: Database, *, rehearses: bool = False) -> None:
        """One that `rehearses` does everything as it would be done, with every check, and takes it back at the end."""
        self._database = database
        self._rehearses = rehearses

    async def take(self, conversation_id: ConversationId, operator: str, instead_of: str | None = None) -> None:
        """Take a conversation over; a second time by the same operator changes nothing.

        Raises Conflict when it is resolved, or when a person has it who is neither `operator` nor `instead_of`.
        """
        async with self._locked(conversation_id) as (connection, row):
            await self._take(connection, conversation_id, row, operator, instead_of)

    async def reply(
        self,
        conversation_id: ConversationId,
        operator: str,
        text: str,
        idempotency_key: str | None = None,
        *,
        last_seen: MessageId | None = None,
    ) -> None:
        """Answer through the customer's channel, taking the conversation over where nobody has.

        The same key again changes nothing; with another text it raises Conflict, and so it does for a customer who
        opted out. With `last_seen`, the newest message that its writer knew, it does so too where another came since,
        or a turn has not handled one yet.
        """
        token = _reply_token(conversation_id, idempotency_key)
        async with self._locked(conversation_id) as (connection, row):
            stored = await connection.fetchrow(_QUERIES["fetch_reply"], token)
            if stored is not None:
                if stored["body"] != text:
                    raise Conflict("this Idempotency-Key was used with another reply; use a new key")
                return
            if row["opted_out"]:
                raise Conflict(
                    "the customer has asked not to be written to here; until they write START nothing is sent"
                )
            if last_seen is not None:
                await _check_nothing_new(connection, conversation_id, last_seen)
            await self._take(connection, conversation_id, row, operator)
            await connection.execute(_QUERIES["record_reply"], conversation_id, text, token, operator)
            await connection.execute(_QUERIES["record_event"], conversation_id, "replied", operator)

    async def record_written_elsewhere(
        self, conversation_id: ConversationId, operator: str, text: str, token: str, provider_id: str
    ) -> OutboxId:
        """Store what a person wrote to the customer outside of the desk, which is a takeover where nobody had the
        conversation. Where `token` is known it is stored already. What ended stays ended.
        """
        async with self._locked(conversation_id) as (connection, row):
            stored = await connection.fetchrow(_QUERIES["fetch_reply"], token)
            if stored is not None:
                return OutboxId(stored["outbox_id"])
            if row["state"] != ConversationState.RESOLVED and row["owner"] is None:
                await self._take(connection, conversation_id, row, operator)
            outbox_id = await connection.fetchval(
                _QUERIES["record_written_elsewhere"], conversation_id, text, token, operator, provider_id
            )
            await connection.execute(_QUERIES["record_event"], conversation_id, "replied", operator)
        return OutboxId(outbox_id)

    async def escalate(self, conversation_id: ConversationId, operator: str, request: EscalationRequest) -> None:
        """Hand an open conversation to people; a customer who waits for an answer is told so by the next turn.

        Raises Conflict when it is resolved, or with people already.
        """
        async with self._locked(conversation_id) as (connection, row):
            if row["state"] == ConversationState.RESOLVED:
                raise Conflict("the conversation is resolved; a new message of the customer reopens it")
            if row["state"] == ConversationState.ESCALATED:
                raise Conflict(f"{row['owner'] or 'a team'} has this conversation already")
            await connection.execute(
                _QUERIES["record_escalation"],
                conversation_id,
                request.reason_code.value,
                request.team.value,
                request.severity.value,
                request.summary,
            )
            await connection.execute(_QUERIES["record_event"], conversation_id, "escalated", operator)

    async def hand_back(self, conversation_id: ConversationId, operator: str, note: str = "") -> None:
        """Give an escalated conversation back to the FTE. Raises Conflict when it is not escalated."""
        async with self._locked(conversation_id) as (connection, row):
            if row["state"] != ConversationState.ESCALATED:
                raise Conflict("the conversation is not with a person")
            _check_owner(row, operator)
            await connection.execute(_QUERIES["record_handed_back"], conversation_id)
            await connection.execute(
                _QUERIES["close_escalation"], conversation_id, EscalationStatus.HANDED_BACK.value, note, operator
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
            said = [each["body"] for each in await connection.fetch(_QUERIES["fetch_last_words"], conversation_id)]
            kind = ResolutionKind.CONFIRMED if confirms_solution("\n".join(said)) else ResolutionKind.ASSUMED
            await connection.execute(_QUERIES["record_resolution"], conversation_id, kind.value, operator)
            await connection.execute(
                _QUERIES["close_escalation"], conversation_id, EscalationStatus.RESOLVED.value, note, operator
            )
            await connection.execute(_QUERIES["record_ticket_status"], conversation_id, TicketStatus.RESOLVED.value)
            await connection.execute(_QUERIES["record_event"], conversation_id, "resolved", operator)

    async def triage(
        self,
        conversation_id: ConversationId,
        operator: str,
        category: Category | None,
        priority: Priority | None,
        subject: str | None = None,
    ) -> None:
        """Assign what is not None. It stands until a person assigns anew, and ends no running turn."""
        async with self._transaction() as connection:
            status: str = await connection.execute(
                _QUERIES["record_triage"],
                conversation_id,
                category.value if category else None,
                priority.value if priority else None,
                operator,
                subject,
            )
        if status.endswith(" 0"):
            raise NotFound("no such conversation")

    async def assign_plan(self, customer_id: CustomerId, plan: Plan) -> None:
        """Say what a customer has of the product; people answer sooner on some plans."""
        async with self._transaction() as connection:
            status: str = await connection.execute(_QUERIES["record_plan"], customer_id, plan.value)
        if status.endswith(" 0"):
            raise NotFound("no such customer")

    async def _take(
        self,
        connection: Connection,
        conversation_id: ConversationId,
        row: asyncpg.Record,
        operator: str,
        instead_of: str | None = None,
    ) -> None:
        if row["state"] == ConversationState.RESOLVED:
            raise Conflict("the conversation is resolved; a new message of the customer reopens it")
        if row["owner"] == operator:
            return
        _check_owner(row, instead_of or operator)
        await connection.execute(_QUERIES["record_owner"], conversation_id, operator)
        await connection.execute(_QUERIES["record_taken"], conversation_id, operator)
        await connection.execute(_QUERIES["cancel_pending"], conversation_id)
        await connection.execute(_QUERIES["record_ticket_status"], conversation_id, TicketStatus.ESCALATED.value)
        await connection.execute(_QUERIES["record_event"], conversation_id, "taken", operator)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        """A transaction that commits at its end, or is taken back there in a rehearsal."""
        try:
            async with self._database.transaction() as connection:
                yield connection
                if self._rehearses:
                    raise _RehearsalEnds
        except _RehearsalEnds:
            return

    @asynccontextmanager
    async def _locked(self, conversation_id: ConversationId) -> AsyncIterator[tuple[Connection, asyncpg.Record]]:
        """A transaction that holds the work row under a new fence, then the conversation.

        A conversation that a merge moved is looked for in a new transaction: holding one work row, another may be
        locked in sorted order only.
        """
        for _ in range(_ATTEMPTS):
            async with self._transaction() as connection:
                customer_id: CustomerId | None = await connection.fetchval(_QUERIES["fetch_customer"], conversation_id)
                if customer_id is None:
                    raise NotFound("no such conversation")
                await connection.execute(_QUERIES["lock_work"], customer_id)
                row = await connection.fetchrow(_QUERIES["lock_conversation"], conversation_id, customer_id)
                if row is not None:
                    yield connection, row
                    return
        raise Conflict("the conversation is being merged; try again")


async def _check_nothing_new(connection: Connection, conversation_id: ConversationId, last_seen: MessageId) -> None:
    """Under the locks: nobody may get an answer to what the FTE is answering, or to what they no longer ask."""
    if await connection.fetchval(_QUERIES["has_queued"], conversation_id):
        raise Conflict("the customer's last message has not been handled yet; read the ticket again in a moment")
    if await connection.fetchval(_QUERIES["fetch_last_message"], conversation_id) != last_seen:
        raise Conflict("something was said since the ticket was read; read it again")


def _check_owner(row: asyncpg.Record, operator: str) -> None:
    if row["owner"] is not None and row["owner"] != operator:
        raise Conflict(f"{row['owner']} has this conversation")


def _reply_token(conversation_id: ConversationId, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return secrets.token_urlsafe(16)
    return hashlib.sha256(f"{conversation_id}:{idempotency_key}".encode()).hexdigest()[:32]
