"""What waits for people: the desk's list, and what has changed in it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from agent.records import (
    Category,
    Channel,
    ConversationId,
    EscalationId,
    EscalationStatus,
    Priority,
    ReasonCode,
    Severity,
    Team,
    TicketId,
)
from agent.service.hours import utc_now
from agent.service.urgency import expected_by, urgency_of
from crm.database import Database
from crm.queries import load_queries
from crm.service_rules import RememberedRules, Rules

_QUERIES = load_queries("escalations")
LISTED_MAX = 500


@dataclass(frozen=True, slots=True)
class EscalationLine:
    """An escalation as the desk lists it. `reminders` is how often it was raised again because nobody took it, and
    `raised_again_at` the last time. `waiting_since` is when the customer wrote what nobody has answered yet, or when
    the answer failed, None when it is answered or the escalation has ended. `undelivered_at` and `undelivered` are when
    and why the latest reply failed that no person has made good by another one."""

    escalation_id: EscalationId
    conversation_id: ConversationId
    ticket_id: TicketId
    channel: Channel
    customer_name: str
    plan: str
    subject: str
    category: Category
    priority: Priority
    reason_code: ReasonCode
    team: Team
    severity: Severity
    summary: str
    status: EscalationStatus
    taken_by: str | None
    created_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    reminders: int
    raised_again_at: datetime | None
    last_message_at: datetime
    waiting_since: datetime | None
    undelivered_at: datetime | None
    undelivered: str | None
    due_at: datetime | None = None


class Escalations:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database, rules: RememberedRules | None = None) -> None:
        self._database = database
        self._rules = rules or RememberedRules(database)

    async def fetch(
        self, team: Team | None = None, statuses: Collection[EscalationStatus] = (), limit: int = LISTED_MAX
    ) -> list[EscalationLine]:
        """Live ones first, the most urgent at the top (agent.service.urgency); then closed ones, the latest first. Of
        more live ones than `limit` those with urgent tickets are listed, then the gravest and oldest. No status means
        all."""
        rules = await self._rules.all()
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _QUERIES["fetch_escalations"],
                team.value if team else None,
                [status.value for status in statuses] or None,
                limit,
            )
        return _in_order([_to_line(row) for row in rows], rules, utc_now())

    async def fetch_marks(self, conversation_ids: Collection[ConversationId]) -> dict[ConversationId, str]:
        """For the conversations of live escalations, for those in quarantine and for the given ones a text that
        changes when there is something new to see."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_marks"], list(conversation_ids), LISTED_MAX)
        return {ConversationId(row["conversation_id"]): row["mark"] for row in rows}


def _in_order(lines: Sequence[EscalationLine], rules: Rules, now: datetime) -> list[EscalationLine]:
    """The closed ones stay as they are, behind the live ones."""
    live = [replace(line, due_at=expected_by(line, rules)) for line in lines if line.closed_at is None]
    live.sort(key=lambda line: urgency_of(line, line.due_at, now))
    return [*live, *(line for line in lines if line.closed_at is not None)]


def _to_line(row: asyncpg.Record) -> EscalationLine:
    return EscalationLine(
        escalation_id=EscalationId(row["escalation_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        ticket_id=TicketId(row["ticket_id"]),
        channel=Channel(row["channel"]),
        customer_name=row["customer_name"],
        plan=row["plan"],
        subject=row["subject"],
        category=Category(row["category"]),
        priority=Priority(row["priority"]),
        reason_code=ReasonCode(row["reason_code"]),
        team=Team(row["team"]),
        severity=Severity(row["severity"]),
        summary=row["summary"],
        status=EscalationStatus(row["status"]),
        taken_by=row["taken_by"],
        created_at=row["created_at"],
        taken_at=row["taken_at"],
        closed_at=row["closed_at"],
        reminders=row["reminders"],
        raised_again_at=row["raised_again_at"],
        last_message_at=row["last_message_at"],
        waiting_since=row["waiting_since"],
        undelivered_at=row["undelivered_at"],
        undelivered=row["undelivered"],
    )
