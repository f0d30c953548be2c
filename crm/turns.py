"""Claim to commit: the database side of a turn (invariants 3, 4 and 5)."""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from agent.errors import FenceLost
from agent.log_fields import log_extra
from agent.records import (
    Author,
    Category,
    Channel,
    Claim,
    CommitStatus,
    ConversationId,
    ConversationState,
    CustomerId,
    Direction,
    EscalationRequest,
    FailureCause,
    IdentifierKind,
    Identity,
    MessageId,
    OutcomeKind,
    Priority,
    ReasonCode,
    Severity,
    StoredMessage,
    Team,
    Ticket,
    TicketId,
    TicketStatus,
    TurnContext,
    TurnDecision,
)
from agent.reply.absence import away_notice
from agent.reply.notices import received_notice
from agent.service.hours import HoursOf, no_hours, utc_now
from crm.database import Connection, Database
from crm.model_ledger import model_use_arguments
from crm.queries import load_queries

_LOG = logging.getLogger(__name__)
_QUERIES = load_queries("turns")
HISTORY_LIMIT = 20
_FENCE_LOST = "fence_lost"
_NO_MODEL_USE = (None,) * 8


class PostgresTurns:
    """Implements ports.TurnStore. Every method raises DatabaseAway."""

    def __init__(self, database: Database, opening_hours: HoursOf = no_hours) -> None:
        """With `opening_hours`, who is handed to a person is told when people are back."""
        self._database = database
        self._opening_hours = opening_hours
        self._times = database.times
        self._lease = timedelta(seconds=self._times.lease_s)

    async def claim(self, customer_id: CustomerId, holder: str) -> Claim | None:
        """Lease the customer's due work. A burst that crashed its turns too often is dead-lettered here."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["claim_work"], customer_id, self._lease)
        if row is None:
            return None
        claim = Claim(customer_id, row["fence"], holder, row["claimed_at"])
        if row["attempts_crash"] > self._times.crash_budget:
            await self._dead_letter(claim, f"{row['attempts_crash']} turns of this message crashed")
            return None
        return claim

    async def renew(self, claim: Claim) -> bool:
        async with self._database.connection() as connection:
            status = await connection.execute(_QUERIES["renew_work"], claim.customer_id, claim.fence, self._lease)
        return bool(status == "UPDATE 1")

    async def gather(self, claim: Claim) -> TurnContext | None:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_turn"], claim.customer_id, claim.fence)
            if not rows:
                failures = await connection.fetchrow(_QUERIES["fetch_failures"], claim.customer_id, claim.fence)
                if failures is None:
                    raise FenceLost("the work was claimed again")
                return None
            history = await _fetch_history(connection, claim.customer_id, rows[0])
        return _to_context(claim, rows, history)

    async def commit(
        self, claim: Claim, context: TurnContext, decision: TurnDecision, *, allow_rerun: bool
    ) -> CommitStatus:
        async with self._database.connection() as connection:
            status = await connection.fetchval(
                _QUERIES["commit_turn"], *_commit_arguments(claim, context, decision, allow_rerun)
            )
        if status == _FENCE_LOST:
            raise FenceLost("the work was claimed again, a person took over, or the customer opted out")
        return CommitStatus.NEWER_MESSAGES if status == "newer_messages" else CommitStatus.COMMITTED

    async def release(self, claim: Claim) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["release_work"], claim.customer_id, claim.fence)

    async def fail(self, claim: Claim, cause: FailureCause, error: str) -> None:
        """An outage is waited out for ever; a fault of the message has a budget."""
        if cause is FailureCause.MESSAGE:
            async with self._database.connection() as connection:
                failures = await connection.fetchrow(_QUERIES["fetch_failures"], claim.customer_id, claim.fence)
            if failures is not None and failures["attempts_message"] + 1 >= self._times.message_budget:
                await self._dead_letter(claim, error)
                return
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["fail_work"],
                claim.customer_id,
                claim.fence,
                cause.value,
                self._times.backoff_first_s,
                self._times.backoff_cap_s,
            )

    async def _dead_letter(self, claim: Claim, error: str) -> None:
        """End the burst with a person and a fixed acknowledgement: never silence."""
        try:
            context = await self.gather(claim)
            if context is None:
                await self.release(claim)
                return
            opening = await self._opening_hours(context.channel)
            away = away_notice(opening, utc_now(), context.channel)
            await self.commit(claim, context, _last_decision(context, error, away), allow_rerun=False)
        except FenceLost:
            return
        about = log_extra(
            conversation_id=context.conversation_id,
            ticket_id=context.ticket.ticket_id,
            message_ids=[message.message_id for message in context.burst],
        )
        _LOG.error("a burst was given up and goes to a person", extra=about)


def _last_decision(context: TurnContext, error: str, away: str) -> TurnDecision:
    """What ends a burst that no turn could end. Nothing is sent to one who opted out, not even this."""
    negative, gap = context.negative_streak, context.gap_streak
    if context.opted_out:
        return TurnDecision(OutcomeKind.SUPPRESSED, "opted_out", negative_streak=negative, gap_streak=gap)
    return TurnDecision(
        kind=OutcomeKind.DEAD_LETTER,
        reason=error[:500] or "unknown",
        reply="" if context.state is ConversationState.ESCALATED else received_notice(context.channel, away),
        escalation=EscalationRequest(
            ReasonCode.TOOL_FAILURE,
            Team.TECHNICAL,
            Severity.P2,
            "The message could not be processed and needs an answer from a person.",
        ),
        negative_streak=negative,
        gap_streak=gap,
    )


async def _fetch_history(
    connection: Connection, customer_id: CustomerId, first: asyncpg.Record
) -> list[asyncpg.Record]:
    """Of the customer when the identity is verified, of the conversation alone when not (invariant 7)."""
    if first["verified_at"] is not None:
        query, key = _QUERIES["fetch_customer_history"], customer_id
    else:
        query, key = _QUERIES["fetch_conversation_history"], first["conversation_id"]
    rows: list[asyncpg.Record] = await connection.fetch(query, key, HISTORY_LIMIT)
    return rows[::-1]


def _to_context(claim: Claim, rows: list[asyncpg.Record], history: list[asyncpg.Record]) -> TurnContext:
    first = rows[0]
    burst = []
    for row in rows:
        if row["conversation_id"] != first["conversation_id"]:
            break  # strictly in seq order: another conversation's message ends the burst
        burst.append(
            StoredMessage(
                message_id=MessageId(row["message_id"]),
                conversation_id=ConversationId(row["conversation_id"]),
                channel=Channel(row["channel"]),
                direction=Direction.INBOUND,
                author=Author.CUSTOMER,
                body=row["body"],
                created_at=row["created_at"],
                seq=row["seq"],
            )
        )
    return to_context(
        claim.customer_id,
        first,
        burst,
        [to_stored_message(row) for row in history],
        burst_began_at=first["burst_began_at"],
        queue_wait_ms=max(0.0, (claim.claimed_at - burst[0].created_at).total_seconds() * 1000),
    )


def to_context(
    customer_id: CustomerId,
    row: asyncpg.Record,
    burst: Sequence[StoredMessage],
    history: Sequence[StoredMessage],
    *,
    burst_began_at: datetime,
    queue_wait_ms: float = 0.0,
) -> TurnContext:
    """`row` has the conversation, its identity, its customer's name and plan, and its ticket."""
    return TurnContext(
        customer_id=customer_id,
        conversation_id=ConversationId(row["conversation_id"]),
        channel=Channel(row["channel"]),
        state=ConversationState(row["state"]),
        owner_epoch=row["owner_epoch"],
        identity=Identity(
            IdentifierKind(row["identifier_kind"]),
            row["identifier_value"],
            row["verified_at"] is not None,
            row["customer_name"],
        ),
        customer_name=row["customer_name"],
        plan=row["plan"],
        ticket=Ticket(
            ticket_id=TicketId(row["ticket_id"]),
            status=TicketStatus(row["ticket_status"]),
            category=Category(row["category"]),
            priority=Priority(row["priority"]),
            subject=row["subject"],
            created_at=row["ticket_created_at"],
        ),
        burst=tuple(burst),
        history=tuple(history),
        negative_streak=row["negative_streak"],
        gap_streak=row["gap_streak"],
        held_notice_sent=row["held_notice_at"] is not None,
        opted_out=row["opted_out_at"] is not None,
        colleague_note=row["handed_back_note"] or "",
        burst_began_at=burst_began_at,
        queue_wait_ms=queue_wait_ms,
    )


def to_stored_message(row: asyncpg.Record) -> StoredMessage:
    return StoredMessage(
        message_id=MessageId(row["message_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        channel=Channel(row["channel"]),
        direction=Direction(row["direction"]),
        author=Author(row["author"]),
        body=row["body"],
        created_at=row["created_at"],
        seq=row["seq"],
        sentiment=row["sentiment"],
    )


def _commit_arguments(claim: Claim, context: TurnContext, decision: TurnDecision, allow_rerun: bool) -> tuple[Any, ...]:
    sentiments: list[float | None] = list(decision.sentiments) or [None] * len(context.burst)
    escalation, use = decision.escalation, decision.model_use
    return (
        claim.customer_id,
        claim.fence,
        context.conversation_id,
        context.owner_epoch,
        [message.message_id for message in context.burst],
        allow_rerun,
        decision.kind.value,
        decision.reason,
        decision.reply,
        [dataclasses.asdict(call) for call in decision.trace],
        sentiments,
        decision.negative_streak,
        decision.gap_streak,
        decision.kind is OutcomeKind.HELD and decision.reply != "",
        decision.category.value if decision.category else None,
        decision.priority.value if decision.priority else None,
        decision.subject,
        escalation.reason_code.value if escalation else None,
        escalation.team.value if escalation else None,
        escalation.severity.value if escalation else None,
        escalation.summary if escalation else None,
        secrets.token_urlsafe(16),
        dict(decision.stages),
        float(decision.stages.get("turn", 0.0)),
        decision.model_calls,
        decision.resolves,
        *(model_use_arguments(use) if use else _NO_MODEL_USE),
        use.reservation_id if use else None,
    )
