"""What an operator's assistant reads of one ticket or one customer: as much as a turn would, and of nobody else."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from agent.errors import NotFound
from agent.mcp.ports import CustomerFile, TicketFile
from agent.records import Author, ConversationId, CustomerId, TicketId
from crm.database import Database
from crm.queries import load_queries
from crm.turns import HISTORY_LIMIT, to_context, to_stored_message

_QUERIES = load_queries("ticket_files")
_TURN_QUERIES = load_queries("turns")
_SAID_MAX = 60


class TicketFiles:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_ticket(self, ticket_id: TicketId) -> TicketFile:
        """Raises NotFound."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_file"], ticket_id)
            if row is None:
                raise NotFound(f"no ticket {ticket_id}")
            said = await connection.fetch(_QUERIES["fetch_said"], row["conversation_id"], _SAID_MAX)
            elsewhere = []
            if row["verified_at"] is not None:
                elsewhere = await connection.fetch(
                    _TURN_QUERIES["fetch_customer_history"], row["customer_id"], HISTORY_LIMIT
                )
        return _to_file(row, said[::-1], elsewhere)

    async def open_customer(self, customer_id: CustomerId) -> CustomerFile:
        """Raises NotFound, also for a customer who was merged into another."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_customer"], customer_id)
            if row is None:
                raise NotFound(f"no customer {customer_id}")
            if row["merged_into"] is not None:
                raise NotFound(f"the customer {customer_id} was merged into {row['merged_into']}")
            said = await connection.fetch(_TURN_QUERIES["fetch_customer_history"], customer_id, HISTORY_LIMIT)
        messages = tuple(to_stored_message(each) for each in reversed(said))
        return CustomerFile(CustomerId(row["customer_id"]), row["name"], row["plan"], messages)


def _to_file(row: asyncpg.Record, rows: Sequence[asyncpg.Record], elsewhere: Sequence[asyncpg.Record]) -> TicketFile:
    """`rows` are the conversation, oldest first; it ends with the customer's last words and what we said since."""
    said = [to_stored_message(each) for each in rows]
    end = len(said)
    while end and said[end - 1].author is not Author.CUSTOMER:
        end -= 1
    begin = end
    while begin and said[begin - 1].author is Author.CUSTOMER:
        begin -= 1
    if begin == end:
        raise NotFound(f"nothing of the customer is in the last messages of {row['ticket_id']}")
    conversation_id = ConversationId(row["conversation_id"])
    others = [to_stored_message(each) for each in elsewhere if each["conversation_id"] != conversation_id]
    history = sorted([*others, *said[:begin]], key=lambda message: message.created_at)
    context = to_context(
        CustomerId(row["customer_id"]),
        row,
        said[begin:end],
        history[-HISTORY_LIMIT:],
        burst_began_at=said[begin].created_at,
    )
    answered = any(each["is_answer"] for each in rows[end:])
    return TicketFile(context, row["owner"], tuple(said[end:]), answered)
