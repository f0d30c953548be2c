"""Who is behind an address, with their identifiers and conversations, as an operator may see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from agent.errors import NotFound
from agent.records import Channel, ConversationId, ConversationState, CustomerId, IdentifierKind, TicketId
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("views")
_CUSTOMERS_MAX = 50
_CONVERSATIONS_MAX = 20


@dataclass(frozen=True, slots=True)
class ConversationLine:
    conversation_id: ConversationId
    ticket_id: TicketId
    channel: Channel
    state: ConversationState
    subject: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class IdentifierView:
    kind: IdentifierKind
    value: str
    verified: bool
    opted_out: bool


@dataclass(frozen=True, slots=True)
class CustomerView:
    customer_id: CustomerId
    name: str
    plan: str
    created_at: datetime
    identifiers: Sequence[IdentifierView]
    conversations: Sequence[ConversationLine]


@dataclass(frozen=True, slots=True)
class CustomerLookup:
    """Who proved an address, and apart from that who only typed it into a form."""

    verified: CustomerView | None
    claimed: Sequence[CustomerView]


class CustomerViews:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_customers(self, kind: IdentifierKind, value: str) -> CustomerLookup:
        """Raises NotFound when nobody has or claims the address."""
        async with self._database.connection() as connection:
            owners = await connection.fetch(_QUERIES["fetch_owners"], kind.value, value, _CUSTOMERS_MAX)
            if not owners:
                raise NotFound("no such customer")
            ids = [row["customer_id"] for row in owners]
            identifiers = await connection.fetch(_QUERIES["fetch_identifiers"], ids)
            lines = await fetch_lines(connection, ids, _CONVERSATIONS_MAX)
        customers = [(row["verified"], _to_customer(row, identifiers, lines[row["customer_id"]])) for row in owners]
        return CustomerLookup(
            verified=next((customer for verified, customer in customers if verified), None),
            claimed=[customer for verified, customer in customers if not verified],
        )


async def fetch_lines(
    connection: Connection, customer_ids: Sequence[CustomerId], limit: int
) -> Mapping[CustomerId, list[ConversationLine]]:
    """The latest conversations of customers, at most `limit` of each, newest first; none is an empty list."""
    lines: defaultdict[CustomerId, list[ConversationLine]] = defaultdict(list)
    for row in await connection.fetch(_QUERIES["fetch_customer_conversations"], customer_ids, limit):
        lines[CustomerId(row["customer_id"])].append(_to_conversation_line(row))
    return lines


def _to_customer(
    row: asyncpg.Record, identifiers: Sequence[asyncpg.Record], lines: Sequence[ConversationLine]
) -> CustomerView:
    customer_id = row["customer_id"]
    return CustomerView(
        customer_id=CustomerId(customer_id),
        name=row["name"],
        plan=row["plan"],
        created_at=row["created_at"],
        identifiers=[
            IdentifierView(IdentifierKind(each["kind"]), each["value"], each["verified"], each["opted_out"])
            for each in identifiers
            if each["customer_id"] == customer_id
        ],
        conversations=lines,
    )


def _to_conversation_line(row: asyncpg.Record) -> ConversationLine:
    return ConversationLine(
        conversation_id=ConversationId(row["conversation_id"]),
        ticket_id=TicketId(row["ticket_id"]),
        channel=Channel(row["channel"]),
        state=ConversationState(row["state"]),
        subject=row["subject"],
        created_at=row["created_at"],
    )
