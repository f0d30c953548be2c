"""The courier's side of the outbox: claim in order, and record what became of each send."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import asyncpg

from agent.errors import LeaseLost
from agent.records import (
    Author,
    Channel,
    ConfirmationId,
    ConversationId,
    DeliveryReport,
    IdentifierKind,
    Identity,
    OutboxId,
    OutboxItem,
    OutboxKind,
    ReportEffect,
    SendRate,
    TicketId,
)
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("outbox")
ARRIVED_RANK = 10
"""The rank of the report from which on a part is on its way, so that the next one may follow it."""


class Outbox:
    """Every method raises DatabaseAway. What another lease has moved on is left alone."""

    def __init__(
        self,
        database: Database,
        rates: Mapping[Channel, SendRate] | None = None,
        channels: Collection[Channel] | None = None,
    ) -> None:
        """`rates` of the channels whose provider has one; all couriers share the places in it. With `channels`, only
        what leaves by these is claimed."""
        self._database = database
        self._channels = None if channels is None else [channel.value for channel in channels]
        self._rates = dict(rates or {})
        self._times = database.times
        self._lease = timedelta(seconds=self._times.send_lease_s)
        self._lookup_pause = timedelta(seconds=self._times.lookup_pause_s)

    async def claim(self, limit: int) -> list[OutboxItem]:
        """Lease what is due: first cancel what a person's takeover or an opt-out superseded, and turn expired
        sends into `unknown`. Rows with `was_unknown` are to be looked up, the others sent."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["cancel_superseded"])
            await connection.execute(_QUERIES["expire_sending"])
            rows = await connection.fetch(
                _QUERIES["claim_outbox"], limit, self._lease, self._lookup_pause, self._channels
            )
            items = [_to_item(row) for row in rows]
            waits: dict[OutboxId, float] = {}
            for channel, rate in self._rates.items():
                leaving = [
                    item.outbox_id
                    for item in items
                    if item.channel == channel and not item.was_unknown and not item.reported_id
                ]
                if leaving:
                    slots = await connection.fetch(_QUERIES["reserve_slots"], leaving, *_to_arguments(channel, rate))
                    waits |= {row["outbox_id"]: row["wait_s"] for row in slots}
        return [replace(item, wait_s=waits.get(item.outbox_id, 0.0)) for item in items]

    async def record_deferred(self, item: OutboxItem) -> None:
        """Give back what waits long for its place in the provider's rate, which it keeps."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_deferred"], item.outbox_id, item.lease)

    async def remember_parts(self, item: OutboxItem, parts: Sequence[str]) -> OutboxItem:
        """Store how the body is divided before its first part is sent. Raises LeaseLost."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["remember_parts"], item.outbox_id, item.lease, list(parts))
        if row is None:
            raise LeaseLost("another courier has this outbox row")
        return replace(item, parts=tuple(parts))

    async def record_part_sent(self, item: OutboxItem, provider_id: str) -> None:
        """End a part that arrived; the next one is due when the provider reports it on its way, or after a pause."""
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_part_sent"],
                item.outbox_id,
                item.lease,
                provider_id,
                timedelta(seconds=self._times.part_pause_s),
                ARRIVED_RANK,
            )

    async def record_sent(
        self, sent: Sequence[tuple[OutboxItem, str]], reported_on: Collection[OutboxId] = frozenset()
    ) -> int:
        """End sends that arrived, with their ids at the provider; returns how many were still ours.

        `reported_on`: those on which the provider reports later.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _QUERIES["record_sent"],
                [item.outbox_id for item, _ in sent],
                [item.lease for item, _ in sent],
                [provider_id for _, provider_id in sent],
                [item.outbox_id in reported_on for item, _ in sent],
            )
        return len(rows)

    async def record_report(self, report: DeliveryReport) -> ReportEffect:
        """Keep what the provider reports of a part, and see to it when it was not delivered."""
        async with self._database.connection() as connection:
            effect: str = await connection.fetchval(
                _QUERIES["record_delivery_event"],
                report.outbox_id,
                report.part,
                report.provider_message_id,
                report.status,
                report.rank,
                ARRIVED_RANK,
                report.error_code,
                report.end.value if report.end else None,
                report.summary,
            )
        return ReportEffect(effect)

    async def find_part(self, provider_id: str) -> tuple[OutboxId, int] | None:
        """Which part of which send has this id at the provider; None for what was not sent from here."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["find_part"], provider_id)
        return None if row is None else (OutboxId(row["outbox_id"]), row["part"])

    async def fetch_known_ids(self, provider_ids: Collection[str]) -> set[str]:
        """Which of these ids at the provider belong to sends that are known here."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_known_ids"], list(provider_ids))
        return {row["provider_message_id"] for row in rows}

    async def remember_draft(self, item: OutboxItem, draft_id: str) -> None:
        """Implements ports.RememberDraft."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["remember_draft"], item.outbox_id, item.lease, draft_id)
        if row is None:
            raise LeaseLost("another courier has this outbox row")

    async def record_retry(self, item: OutboxItem, error: str, pause_s: float = 0.0) -> None:
        """Send again later, not before `pause_s`; over the budget the row fails and the conversation goes to a
        person."""
        if item.attempts >= self._times.send_budget:
            await self.record_failed(item, error)
            return
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_retry"],
                item.outbox_id,
                item.lease,
                self._times.backoff_first_s,
                self._times.send_backoff_cap_s,
                error,
                pause_s,
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
        """End a send for good and hand its conversation to a person.

        An address that cannot be asked to confirm itself, as one that was typed wrong, is nobody's work: the form's
        page shows the answers. Who wrote by mail sees nothing there, so that a person looks.
        """
        async with self._database.transaction() as connection:
            conversation_id = await connection.fetchval(_QUERIES["lock_newest_conversation"], item.conversation_id)
            row = await connection.fetchrow(_QUERIES["record_failed"], item.outbox_id, item.lease, error)
            if row is None:
                return
            asked = OutboxKind(row["kind"]) is OutboxKind.CONFIRMATION
            if asked and Channel(row["channel"]) is not Channel.EMAIL:
                return
            what = "The sender could not be asked to confirm the address" if asked else "A reply could not be delivered"
            await connection.execute(
                _QUERIES["escalate_undeliverable"], conversation_id, row["outcome_id"], f"{what}: {error}"
            )

    async def record_opted_out(self, item: OutboxItem) -> None:
        """End a send whose recipient opted out at the provider; nothing more goes to that identity."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_opted_out"], item.outbox_id, item.lease)

    async def seconds_until_due(self) -> float | None:
        """Until there is something to send, look up or expire; None when nothing is open."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(_QUERIES["fetch_next_send"], self._channels)
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
        parts=tuple(row["parts"] or ()),
        part=row["parts_sent"],
        began_at=row["began_at"],
        since_inbound_s=row["since_inbound_s"],
        reported_id=row["reported_id"] or "",
        kind=OutboxKind(row["kind"]),
        confirmation_id=ConfirmationId(row["confirmation_id"]) if row["confirmation_id"] else None,
        asked_at=row["asked_at"],
    )


def _to_arguments(channel: Channel, rate: SendRate) -> tuple[str, timedelta, int, timedelta, int]:
    return (
        channel.value,
        timedelta(seconds=1 / rate.per_second),
        rate.burst,
        timedelta(seconds=1 / rate.recipient_per_second),
        rate.recipient_burst,
    )
