"""What is done when nobody does anything: late escalations are raised again, quiet conversations end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from agent.records import Channel, ConversationId, Severity
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("aftercare")


class Closing(StrEnum):
    """What became of a conversation that was to be closed."""

    RESOLVED = "resolved"
    ESCALATED = "escalated"
    """The customer's last word was an upset one: a person looks instead."""
    BUSY = "busy"
    """Somebody is at work on it; the next round looks again."""
    NOT_QUIET = "not_quiet"


class Aftercare:
    """Implements agent.workers.aftercare.AftercareStore. Every method is one statement and raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def raise_again(
        self, channel: Channel, late_until: Mapping[Severity, datetime], at_most: int, limit: int
    ) -> int:
        """Raise again what nobody took and was raised last, or first, until `late_until` of its severity, `at_most` so
        often each; returns how many."""
        async with self._database.connection() as connection:
            status: str = await connection.execute(
                _QUERIES["raise_again"],
                channel.value,
                [severity.value for severity in late_until],
                list(late_until.values()),
                at_most,
                limit,
            )
        return int(status.rsplit(" ", 1)[-1])

    async def fetch_quiet(self, channel: Channel, since: datetime, limit: int) -> list[ConversationId]:
        """Open conversations in which nothing came since our last word before `since`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_quiet"], channel.value, since, limit)
        return [ConversationId(row["conversation_id"]) for row in rows]

    async def close(self, conversation_id: ConversationId, since: datetime, unhappy_below: float) -> Closing:
        """End it, if it is still as quiet; a new message or a person who comes at the same time goes first or after."""
        async with self._database.connection() as connection:
            ended = await connection.fetchval(_QUERIES["close_quiet"], conversation_id, since, unhappy_below)
        return Closing(ended)
