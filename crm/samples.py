"""Sample conversations in the database: written through the doors that everything takes, then moved into the past.

A running system sees no queued sample: a message is accepted and claimed in one transaction, so that whoever writes
the samples also runs their turns.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from agent.errors import Conflict
from agent.records import Accepted, Channel, Claim, ConversationId, CustomerId, InboundMessage
from agent.times import Times
from crm.database import Connection, Database
from crm.inbox import Inbox
from crm.queries import load_queries
from crm.turns import PostgresTurns

_QUERIES = load_queries("samples")
# Any constant that nothing else uses.
_ADVISORY_LOCK = 0x46544553

Key = tuple[Channel, str]
"""A channel and the provider's id of a message there."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a step of a conversation was written, and when it is to have been."""

    began_at: datetime
    target_at: datetime


class Samples:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def only_one(self) -> AsyncIterator[None]:
        """Nobody else writes samples meanwhile. Raises Conflict when somebody does."""
        # Closed by hand: what goes wrong in the block is not the database's to explain.
        holding = AsyncExitStack()
        connection = await holding.enter_async_context(self._database.connection())
        try:
            if not await connection.fetchval(_QUERIES["try_lock"], _ADVISORY_LOCK):
                raise Conflict("another `fte seed` is at work on this database; wait until it has ended")
            try:
                yield
            finally:
                await connection.execute(_QUERIES["unlock"], _ADVISORY_LOCK)
        finally:
            await holding.aclose()

    async def fetch_stored(self, keys: Sequence[Key]) -> dict[Key, bool]:
        """Those of the messages that are stored, and whether their times were moved into the past."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_stored"], *_to_columns(keys))
        return {(Channel(row["channel"]), row["provider_message_id"]): row["moved"] for row in rows}

    async def read_clock(self) -> datetime:
        """The database's: what is written from now on is later."""
        async with self._database.connection() as connection:
            now: datetime = await connection.fetchval(_QUERIES["read_clock"])
        return now

    async def accept_and_claim(self, messages: Sequence[InboundMessage], holder: str) -> tuple[Accepted, Claim]:
        """Commit messages of one thread together with the claim of their turn, so that no dispatcher finds them."""
        async with self._database.transaction() as connection:
            within = _OneTransaction(connection, self._database.times)
            inbox = Inbox(within)
            for message in messages:
                accepted = await inbox.accept(message)
            await connection.execute(_QUERIES["make_due"], accepted.customer_id)
            claim = await PostgresTurns(within).claim(accepted.customer_id, holder)
            assert claim is not None, "this transaction made the work due and holds its row"
        return accepted, claim

    async def has_undelivered(self, conversation_id: ConversationId) -> bool:
        async with self._database.connection() as connection:
            return bool(await connection.fetchval(_QUERIES["has_undelivered"], conversation_id))

    async def move_times(self, conversation_id: ConversationId, moments: Sequence[Moment]) -> None:
        """Move what each step wrote to the step's target, in one transaction. Order stays.

        Measurements stay where they are: the metrics of a running system have counted them.
        """
        began = [moment.began_at for moment in moments]
        shifts = to_shifts(moments)
        async with self._database.transaction() as connection:
            for name, query in _QUERIES.items():
                if name.startswith("move_"):
                    await connection.execute(query, conversation_id, began, shifts)

    async def remove(self, keys: Sequence[Key]) -> int:
        """Remove the customers of the messages with all that is stored of them; returns how many conversations.

        Raises Conflict, and removes nothing, when one of them wrote anything else (a real customer was merged with a
        sample), or has rows that this does not know.
        """
        try:
            async with self._database.transaction() as connection:
                rows = await connection.fetch(_QUERIES["lock_customers"], *_to_columns(keys))
                customers = [row["customer_id"] for row in rows]
                others = await connection.fetchval(_QUERIES["count_others"], customers, *_to_columns(keys))
                if others:
                    raise Conflict(
                        f"sample customers also have {others} messages that are no samples: nothing was removed; "
                        "undo the merge of a real customer with a sample, if there was one"
                    )
                number: int = await connection.fetchval(_QUERIES["delete_customers"], customers)
        except asyncpg.ForeignKeyViolationError as error:
            raise Conflict(
                f"a sample customer has rows in {error.table_name} that a reset does not remove; remove them first"
            ) from error
        return number


class ClaimedTurns(PostgresTurns):
    """The store of a turn whose claim was made before: it is given out once."""

    def __init__(self, database: Database, claim: Claim) -> None:
        super().__init__(database)
        self._claimed: Claim | None = claim

    async def claim(self, customer_id: CustomerId, holder: str) -> Claim | None:
        claim, self._claimed = self._claimed, None
        return claim


class _OneTransaction(Database):
    """A database whose every step is part of one open transaction; a step that fails undoes itself alone."""

    def __init__(self, connection: Connection, times: Times) -> None:
        super().__init__("", times)
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._connection.transaction():
            yield self._connection


def _to_columns(keys: Sequence[Key]) -> tuple[list[str], list[str]]:
    return [channel.value for channel, _ in keys], [key for _, key in keys]


def to_shifts(moments: Sequence[Moment]) -> list[timedelta]:
    """How much earlier each step goes. A step that took long pushes the next ones on, rather than overlap them."""
    shifts: list[timedelta] = []
    for moment in moments:
        wanted = moment.began_at - moment.target_at
        shifts.append(max(min(wanted, *shifts), timedelta()) if shifts else max(wanted, timedelta()))
    return shifts
