"""Accept: one inbound message becomes durable, queued work in one transaction (invariants 1 and 2)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from agent.errors import Conflict, DatabaseAway
from agent.records import (
    Accepted,
    ConversationId,
    CustomerId,
    InboundMessage,
    MessageId,
    Screening,
    TicketId,
    TicketStatus,
)
from agent.shared_calls import SharedCalls
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("inbox")
_MERGED_AWAY = "FT001"
# Each collision means that a twin committed, which the next run finds; three would need three twins in a row.
_ATTEMPTS = 5
# Where the interval stands among the arguments of one message.
_REOPEN = 13
# Messages that share a transaction share its flush to disk and its round trip; while it runs, one more may.
_TOGETHER, _LANES = 16, 2
# What is nobody's fault among messages that share a transaction, and would meet each of them alone too.
_EVERYBODYS = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError, asyncpg.TooManyConnectionsError)


class _GoAlone(Exception):
    """The shared transaction failed and wrote nothing; each of its messages gets one of its own."""


class _Collided(Exception):
    """Its transaction and another's waited for each other; it wrote nothing and is run again."""


class Inbox:
    """The way in for every channel, for one event loop. Messages that wait for a lane are committed together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reopen = timedelta(seconds=database.times.reopen_s)
        self._calls: SharedCalls[InboundMessage, list[asyncpg.Record]] = SharedCalls(
            self._accept_together, alone=_GoAlone, in_flight=_LANES, max_items=_TOGETHER
        )

    async def accept(self, message: InboundMessage) -> Accepted:
        """Commit the message, or find what an earlier delivery of it committed.

        Raises Conflict when the same key came with another request, DatabaseAway.
        """
        for _ in range(_ATTEMPTS):
            try:
                row = await self._accept_one(message)
            except (asyncpg.UniqueViolationError, _Collided):
                continue
            except asyncpg.PostgresError as error:
                if error.sqlstate != _MERGED_AWAY:
                    raise
                continue
            if not row["same_request"]:
                raise Conflict("this Idempotency-Key was used with another request; use a new key")
            return _to_accepted(row)
        raise DatabaseAway("the message kept colliding with deliveries of its twin; try again")

    async def suppress(self, message: InboundMessage, reason: str, for_people: str | None = None) -> Accepted:
        """Commit a message that no turn is to answer, with its end, or find what was committed of it before.

        It reopens nothing, and a conversation that it begins is closed; with `for_people`, the conversation goes to
        people, who read it. Raises DatabaseAway.
        """
        arguments = self._to_arguments(message)[:9]
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.connection() as connection:
                    row = await connection.fetchrow(_QUERIES["accept_suppressed"], *arguments, reason, for_people)
            except asyncpg.UniqueViolationError:
                continue
            except asyncpg.PostgresError as error:
                if error.sqlstate != _MERGED_AWAY:
                    raise
                continue
            assert row is not None, "the function returns one row"
            return _to_accepted(row)
        raise DatabaseAway("the message kept colliding with deliveries of its twin; try again")

    async def _accept_one(self, message: InboundMessage) -> asyncpg.Record:
        if not message.media and message.consent is None:
            [shared] = await self._calls.ask([message])
            return shared
        arguments = (*self._to_arguments(message), *_to_extras(message))
        async with self._database.connection() as connection:
            try:
                row = await connection.fetchrow(_QUERIES["accept_with_extras"], *arguments)
            except asyncpg.TransactionRollbackError as error:
                raise _Collided from error
        assert row is not None, "a function that returns one row"
        return row

    async def _accept_together(self, messages: list[InboundMessage]) -> list[asyncpg.Record]:
        # Everybody takes the locks of threads in one order, so that shared transactions seldom wait for each other in
        # a circle; where customers have several threads they may, but not for long. Messages of one thread keep theirs.
        order = sorted(range(len(messages)), key=lambda n: (messages[n].channel, messages[n].thread_key))
        async with self._database.connection() as connection:
            try:
                if len(messages) == 1:
                    rows = await connection.fetch(_QUERIES["accept_message"], *self._to_arguments(messages[0]))
                else:
                    columns = self._to_columns([messages[n] for n in order])
                    rows = await connection.fetch(_QUERIES["accept_together"], *columns)
            except asyncpg.PostgresError as error:
                if isinstance(error, _EVERYBODYS):
                    raise
                if len(messages) > 1:
                    raise _GoAlone from error
                if isinstance(error, asyncpg.TransactionRollbackError):
                    raise _Collided from error
                raise
        placed = dict(zip(order, rows, strict=True))
        return [placed[n] for n in range(len(messages))]

    def _to_columns(self, messages: Sequence[InboundMessage]) -> tuple[object, ...]:
        """The arguments of all of them, an array each but for what is the same for all."""
        columns: list[object] = [list(column) for column in zip(*map(self._to_arguments, messages), strict=True)]
        columns[_REOPEN] = self._reopen
        return (*columns, _repeats(messages))

    def _to_arguments(self, message: InboundMessage) -> tuple[object, ...]:
        return (
            message.channel.value,
            message.provider_message_id,
            message.thread_key,
            message.identity.kind.value,
            message.identity.value,
            message.identity.verified,
            message.identity.display_name,
            message.subject,
            message.body,
            message.category.value if message.category else None,
            message.priority.value if message.priority else None,
            message.request_hash,
            message.synthetic,
            self._reopen,
            *_to_screening(message.screening),
        )


def _to_screening(screening: Screening | None) -> tuple[object, ...]:
    if screening is None:
        return None, None, None, None
    # Not an array: of several messages these would be arrays of different lengths in one.
    reasons = ",".join(suspicion.value for suspicion in screening.suspicions)
    return reasons, screening.per_recipient, screening.sender, screening.per_sender


def _repeats(messages: Sequence[InboundMessage]) -> list[bool]:
    """Whether one before it has the message, the thread or the proven sender of each. Senders that the database alone
    knows to be one collide there."""
    seen: set[tuple[str, ...]] = set()
    repeats = []
    for message in messages:
        sender = message.identity
        keys = {
            ("message", message.channel.value, message.provider_message_id),
            ("thread", message.channel.value, message.thread_key),
        }
        if sender.verified:
            keys.add(("sender", sender.kind.value, sender.value))
        repeats.append(not keys.isdisjoint(seen))
        seen |= keys
    return repeats


def _to_extras(message: InboundMessage) -> tuple[object, ...]:
    consent = message.consent
    return (
        [each.url for each in message.media],
        [each.media_type for each in message.media],
        consent.opted_out if consent else None,
        consent.confirmation if consent else "",
        secrets.token_urlsafe(16),
    )


def _to_accepted(row: asyncpg.Record) -> Accepted:
    return Accepted(
        customer_id=CustomerId(row["customer_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        message_id=MessageId(row["message_id"]),
        ticket_id=TicketId(row["ticket_id"]),
        ticket_status=TicketStatus(row["ticket_status"]),
        expected_response_minutes=row["expected_response_minutes"],
        duplicate=row["duplicate"],
    )
