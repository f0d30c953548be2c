"""What an operator may see of a conversation: messages, outcomes with their trace, escalations, files, its ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from agent.errors import NotFound
from agent.records import (
    Author,
    Category,
    Channel,
    ConversationId,
    ConversationState,
    CustomerId,
    Direction,
    EscalationId,
    EscalationStatus,
    IdentifierKind,
    MessageId,
    OutboxState,
    OutcomeId,
    OutcomeKind,
    Priority,
    ResolutionKind,
    Severity,
    Suspicion,
    Team,
    TicketId,
    TicketStatus,
)
from crm.attachments import Attachment, fetch_attachments
from crm.confirmations import LetterLine, fetch_letter_lines
from crm.customer_views import ConversationLine, fetch_lines
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("views")
_RESOLUTION_QUERIES = load_queries("resolutions")
_MESSAGES_MAX = 500
_OUTCOMES_MAX = 100
_RESOLUTIONS_MAX = 20
_OTHERS_MAX = 20


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message as an operator sees it. `delivery` is the outbox state of an outbound one, `delivery_error` why it
    failed, `operator` the person who wrote it, if one did."""

    message_id: MessageId
    direction: Direction
    author: Author
    operator: str | None
    body: str
    created_at: datetime
    sentiment: float | None
    outcome_id: OutcomeId | None
    delivery: OutboxState | None
    delivery_error: str | None


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """The end of a burst of messages. `trace` is the turn's steps in order, each an agent.records.ToolCall."""

    outcome_id: OutcomeId
    kind: OutcomeKind
    reason: str
    created_at: datetime
    trace: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class EscalationView:
    escalation_id: EscalationId
    reason_code: str
    team: Team
    severity: Severity
    summary: str
    status: EscalationStatus
    taken_by: str | None
    closed_by: str | None
    note: str
    created_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """Why a request looked like spam. `waits` while nobody decided; `ending` is released or discarded, and by whom."""

    reasons: Sequence[Suspicion]
    waits: bool
    created_at: datetime
    ending: str | None
    ended_by: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class ResolutionView:
    """One end of a conversation; it stands until `reopened_at`. `solved` and `comment` are what its customer said when
    asked."""

    kind: ResolutionKind
    resolved_by: str
    resolved_at: datetime
    confirmed_at: datetime | None
    reopened_at: datetime | None
    solved: bool | None
    comment: str
    surveyed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation with its last messages, outcomes and ends, each oldest first, what went by mail beside it and the
    customer's other ones, newest first. `assigned_by` is who last assigned the category or the priority, if a person
    did."""

    conversation_id: ConversationId
    ticket_id: TicketId
    channel: Channel
    state: ConversationState
    owner: str | None
    ticket_status: TicketStatus
    category: Category
    priority: Priority
    assigned_by: str | None
    subject: str
    customer_id: CustomerId
    customer_name: str
    plan: str
    identity_kind: IdentifierKind
    identity_value: str
    identity_verified: bool
    created_at: datetime
    last_message_at: datetime
    resolved_at: datetime | None
    messages: Sequence[MessageView]
    outcomes: Sequence[OutcomeView]
    escalations: Sequence[EscalationView]
    attachments: Sequence[Attachment]
    letters: Sequence[LetterLine]
    quarantine: QuarantineView | None
    resolutions: Sequence[ResolutionView]
    other_conversations: Sequence[ConversationLine]


@dataclass(frozen=True, slots=True)
class ConversationStanding:
    """Who has a conversation now."""

    conversation_id: ConversationId
    ticket_id: TicketId
    state: ConversationState
    owner: str | None
    ticket_status: TicketStatus
    category: Category
    priority: Priority


class DeskViews:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_conversation(self, conversation_id: ConversationId) -> ConversationView:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_conversation"], conversation_id)
            if row is None:
                raise NotFound("no such conversation")
            messages = await connection.fetch(_QUERIES["fetch_messages"], conversation_id, _MESSAGES_MAX)
            outcomes = await connection.fetch(_QUERIES["fetch_outcomes"], conversation_id, _OUTCOMES_MAX)
            escalations = await connection.fetch(_QUERIES["fetch_conversation_escalations"], conversation_id)
            attachments = await fetch_attachments(connection, conversation_id)
            letters = await fetch_letter_lines(connection, conversation_id)
            quarantine = await connection.fetchrow(_QUERIES["fetch_conversation_quarantine"], conversation_id)
            resolutions = await connection.fetch(
                _RESOLUTION_QUERIES["fetch_resolutions"], conversation_id, _RESOLUTIONS_MAX
            )
            lines = await fetch_lines(connection, [row["customer_id"]], _OTHERS_MAX)
        others = [line for line in lines[row["customer_id"]] if line.conversation_id != conversation_id]
        return _to_conversation(
            row, messages, outcomes, escalations, attachments, letters, quarantine, resolutions, others
        )

    async def fetch_standing(self, conversation_id: ConversationId) -> ConversationStanding:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_conversation"], conversation_id)
        if row is None:
            raise NotFound("no such conversation")
        return ConversationStanding(
            conversation_id=ConversationId(row["conversation_id"]),
            ticket_id=TicketId(row["ticket_id"]),
            state=ConversationState(row["state"]),
            owner=row["owner"],
            ticket_status=TicketStatus(row["ticket_status"]),
            category=Category(row["category"]),
            priority=Priority(row["priority"]),
        )

    async def fetch_conversation_of_ticket(self, ticket_id: str) -> ConversationStanding:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            conversation_id = await connection.fetchval(_QUERIES["fetch_conversation_of_ticket"], ticket_id)
        if conversation_id is None:
            raise NotFound("no such ticket")
        return await self.fetch_standing(ConversationId(conversation_id))


def _to_conversation(
    row: asyncpg.Record,
    messages: Sequence[asyncpg.Record],
    outcomes: Sequence[asyncpg.Record],
    escalations: Sequence[asyncpg.Record],
    attachments: Sequence[Attachment],
    letters: Sequence[LetterLine],
    quarantine: asyncpg.Record | None,
    resolutions: Sequence[asyncpg.Record],
    others: Sequence[ConversationLine],
) -> ConversationView:
    return ConversationView(
        conversation_id=ConversationId(row["conversation_id"]),
        ticket_id=TicketId(row["ticket_id"]),
        channel=Channel(row["channel"]),
        state=ConversationState(row["state"]),
        owner=row["owner"],
        ticket_status=TicketStatus(row["ticket_status"]),
        category=Category(row["category"]),
        priority=Priority(row["priority"]),
        assigned_by=row["assigned_by"],
        subject=row["subject"],
        customer_id=CustomerId(row["customer_id"]),
        customer_name=row["customer_name"],
        plan=row["plan"],
        identity_kind=IdentifierKind(row["identifier_kind"]),
        identity_value=row["identifier_value"],
        identity_verified=row["verified"],
        created_at=row["created_at"],
        last_message_at=row["last_message_at"],
        resolved_at=row["resolved_at"],
        messages=[_to_message(message) for message in reversed(messages)],
        outcomes=[
            OutcomeView(
                OutcomeId(each["outcome_id"]),
                OutcomeKind(each["kind"]),
                each["reason"],
                each["created_at"],
                each["trace"],
            )
            for each in reversed(outcomes)
        ],
        escalations=[_to_escalation(each) for each in reversed(escalations)],
        attachments=attachments,
        letters=letters,
        quarantine=None if quarantine is None else _to_quarantine(quarantine),
        resolutions=[ResolutionView(**{**each, "kind": ResolutionKind(each["kind"])}) for each in resolutions],
        other_conversations=others,
    )


def _to_message(row: asyncpg.Record) -> MessageView:
    return MessageView(
        message_id=MessageId(row["message_id"]),
        direction=Direction(row["direction"]),
        author=Author(row["author"]),
        operator=row["operator"],
        body=row["body"],
        created_at=row["created_at"],
        sentiment=row["sentiment"],
        outcome_id=OutcomeId(row["outcome_id"]) if row["outcome_id"] else None,
        delivery=OutboxState(row["delivery"]) if row["delivery"] else None,
        delivery_error=row["delivery_error"],
    )


def _to_escalation(row: asyncpg.Record) -> EscalationView:
    return EscalationView(
        escalation_id=EscalationId(row["escalation_id"]),
        reason_code=row["reason_code"],
        team=Team(row["team"]),
        severity=Severity(row["severity"]),
        summary=row["summary"],
        status=EscalationStatus(row["status"]),
        taken_by=row["taken_by"],
        closed_by=row["closed_by"],
        note=row["note"],
        created_at=row["created_at"],
        taken_at=row["taken_at"],
        closed_at=row["closed_at"],
    )


def _to_quarantine(row: asyncpg.Record) -> QuarantineView:
    return QuarantineView(
        reasons=[Suspicion(reason) for reason in row["reasons"]],
        waits=row["waits"],
        created_at=row["created_at"],
        ending=row["ending"],
        ended_by=row["ended_by"],
        ended_at=row["ended_at"],
    )
