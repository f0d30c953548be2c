"""The courier's side of the outbox: claim in order, and record what became of each send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import asyncpg

from agent.errors import LeaseLost
from agent.records import (
    Author,
    Channel,
    ConversationId,
    IdentifierKind,
    Identity,
    OutboxId,
    OutboxItem,
    TicketId,
)
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("outbox")


class Outbox:
    """Every method raises DatabaseAway. What another lease has moved on is left alone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._times = database.times
        self._lease = timedelta(seconds=self._times.send_lease_s)
        self._lookup_pause = timedelta(seconds=self._times.lookup_pause_s)

    async def claim(self, limit: int) -> list[OutboxItem]:
        """Lease what is due: first cancel what a person's takeover or an opt-out superseded, and turn expired
        sends into `unknown`. Rows with `was_unknown` are to be looked up, the others sent."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["cancel_superseded"])
            await connection.execute(_QUERIES["expire_sending"])
            rows = await connection.fetch(_QUERIES["claim_outbox"], limit, self._lease, self._lookup_pause)
        return [_to_item(row) for row in rows]

    async def record_sent(self, sent: Sequence[tuple[OutboxItem, str]]) -> int:
        """End sends that arrived, with their ids at the provider; returns how many were still ours."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _QUERIES["record_sent"],
                [item.outbox_id for item, _ in sent],
                [item.lease for item, _ in sent],
                [provider_id for _, provider_id in sent],
            )
        return len(rows)

    async def remember_draft(self, item: OutboxItem, draft_id: str) -> None:
        """Implements ports.RememberDraft."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["remember_draft"], item.outbox_id, item.lease, draft_id)
        if row is None:
            raise LeaseLost("another courier has this outbox row")

    async def record_retry(self, item: OutboxItem, error: str) -> None:
        """Send again later; over the budget the row fails and the conversation goes to a person."""
        if item.attempts >= self._times.send_budget:
            await self.record_failed(item, error)
            return
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_retry"],
                item.outbox_id,
                item.lease,
                self._times.backoff_first_s,
                self._times.backoff_cap_s,
                error,
            )

    async def record_unknown(self, item: OutboxItem, error: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_unknown"], item.outbox_id, item.lease, self._lookup_pause, error)

    async def record_not_found(self, item: OutboxItem) -> None:
        """Look once more after a pause, then send again; over the budget it goes to a person."""
        budget = self._times.send_budget
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                _QUERIES["record_not_found"], item.outbox_id, item.lease, self._lookup_pause, budget
            )
        if row is None and item.attempts >= budget:
            await self.record_failed(item, "the provider never confirmed it")

    async def record_failed(self, item: OutboxItem, error: str) -> None:
        """End a send for good and hand its conversation to a person."""
        async with self._database.transaction() as connection:
            conversation_id = await connection.fetchval(_QUERIES["lock_newest_conversation"], item.conversation_id)
            row = await connection.fetchrow(_QUERIES["record_failed"], item.outbox_id, item.lease, error)
            if row is not None:
                await connection.execute(
                    _QUERIES["escalate_undeliverable"],
                    conversation_id,
                    row["outcome_id"],
                    f"A reply could not be delivered: {error}",
                )

    async def seconds_until_due(self) -> float | None:
        """Until there is something to send, look up or expire; None when nothing is open."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(_QUERIES["fetch_next_send"])
        return seconds


def _to_item(row: asyncpg.Record) -> OutboxItem:
    return OutboxItem(
        outbox_id=OutboxId(row["outbox_id"]),
        conversation_id=ConversationId(row["conversation_id"]),
        channel=Channel(row["channel"]),
        identity=Identity(
            IdentifierKind(row["identifier_kind"]),
            row["identifier_value"],
            row["verified_at"] is not None,
            row["customer_name"],
        ),
        thread_key=row["thread_key"],
        subject=row["subject"],
        ticket_id=TicketId(row["ticket_id"]),
        body=row["body"],
        send_token=row["send_token"],
        attempts=row["attempts"],
        lease=row["lease"],
        was_unknown=row["was_unknown"],
        provider_draft=row["provider_draft"] or "",
        author=Author(row["author"]),
    )
