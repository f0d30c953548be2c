"""Counters of the whole system since its first message, from the rows themselves, so that every replica tells
the same and none is lost with a replica. Rows that are final are counted once per process, the rest at each
reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from agent.channel_health import Alarm
from agent.shared_calls import SharedCalls
from crm.channel_alarms import ChannelAlarms
from crm.database import Connection, Database
from crm.metrics import Queue
from crm.queries import load_queries

_QUERIES = load_queries("metrics")
_SHARED_MAX = 10_000
_FIRST_ID = UUID(int=0)
_FIRST_AT = datetime(1970, 1, 1, tzinfo=UTC)

LATENCY_BOUNDS_MS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000)

Key = tuple[str, ...]


@dataclass(slots=True)
class Totals:
    """Counts by labels. Resolution keys are (channel, kind), survey keys (channel, answer). Keys of the language model
    are (model, what), with what one of calls, input_tokens, output_tokens, cost_micros and unusable, which counts turns
    whose answer was of no use; of fallbacks (cause,).
    Latency keys are (kind, measure, channel, bucket), where bucket i counts times from bound i-1 up to bound i; stage
    keys are (stage,). Sums are milliseconds."""

    messages: Counter[Key] = field(default_factory=Counter)
    outcomes: Counter[Key] = field(default_factory=Counter)
    outbox: Counter[Key] = field(default_factory=Counter)
    resolutions: Counter[Key] = field(default_factory=Counter)
    survey: Counter[Key] = field(default_factory=Counter)
    latencies: Counter[Key] = field(default_factory=Counter)
    latency_sums_ms: Counter[Key] = field(default_factory=Counter)
    model: Counter[Key] = field(default_factory=Counter)
    fallbacks: Counter[Key] = field(default_factory=Counter)
    stages: Counter[Key] = field(default_factory=Counter)
    stage_sums_ms: Counter[Key] = field(default_factory=Counter)

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            *(Counter(getattr(self, name)) + Counter(getattr(other, name)) for name in Totals.__dataclass_fields__)
        )


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """One reading: totals, and what is now. Escalation keys are (team, status), those of reminders (team,); `alarms`
    are the channels'."""

    totals: Totals
    queue: Queue
    escalations: Mapping[Key, int]
    reminders: Mapping[Key, int]
    alarms: Sequence[Alarm] = ()


@dataclass(frozen=True, slots=True)
class _Horizon:
    id: UUID = _FIRST_ID
    at: datetime = _FIRST_AT
    outbox_id: UUID = _FIRST_ID
    resolution_id: UUID = _FIRST_ID


class SystemTotals:
    """Reads the figures. Whoever asks during a reading shares the next one with all others: anybody may ask, and must
    not make the database count for each. No transaction takes as long as `settled_after`."""

    def __init__(
        self,
        database: Database,
        settled_after: timedelta = timedelta(minutes=1),
        *,
        alarms: ChannelAlarms | None = None,
    ) -> None:
        self._database = database
        self._alarms = alarms
        self._settled_after = settled_after
        self._reopen = timedelta(seconds=database.times.reopen_s)
        self._final = Totals()
        self._horizon = _Horizon()
        self._readings: SharedCalls[None, SystemFigures] = SharedCalls(
            self._read, lambda figures, _: figures, in_flight=1, max_items=_SHARED_MAX
        )

    async def read(self) -> SystemFigures:
        """Raises DatabaseAway; what was counted before stays counted."""
        return await self._readings.ask([None])

    async def _read(self, _: list[None]) -> SystemFigures:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_horizon"], self._settled_after, self._reopen)
            assert row is not None, "a query without FROM has one row"
            # The clock of a database that was restored or failed over may be behind.
            horizon = _Horizon(
                max(row["horizon_id"], self._horizon.id),
                max(row["horizon_at"], self._horizon.at),
                max(row["horizon_outbox"], self._horizon.outbox_id),
                max(row["horizon_resolution"], self._horizon.resolution_id),
            )
            final, open_ = await self._count(connection, horizon)
            queue = await connection.fetchrow(_QUERIES["fetch_queue"])
            escalations = await connection.fetch(_QUERIES["count_escalations"])
            self._final, self._horizon = self._final + final, horizon
        assert queue is not None, "an aggregate has one row"
        alarms = await self._alarms.fetch() if self._alarms else []
        return SystemFigures(
            totals=self._final + open_,
            queue=Queue(**queue),
            escalations={(row["team"], row["status"]): row["count"] for row in escalations},
            reminders=_sum_reminders(escalations),
            alarms=alarms,
        )

    async def _count(self, connection: Connection, until: _Horizon) -> tuple[Totals, Totals]:
        since = self._horizon
        totals = {True: Totals(), False: Totals()}

        async def fetch(query: str, *arguments: Any) -> Sequence[asyncpg.Record]:
            return await connection.fetch(_QUERIES[query], *arguments)

        for row in await fetch("count_messages", since.id, until.id):
            totals[row["final"]].messages[row["channel"], row["direction"]] += row["count"]
        for row in await fetch("count_outcomes", since.id, until.id):
            totals[row["final"]].outcomes[row["channel"], row["kind"], row["reason"]] += row["count"]
        for row in await fetch("count_outbox", since.outbox_id, until.outbox_id):
            totals[row["final"]].outbox[(row["state"],)] += row["count"]
        for row in await fetch("count_resolutions", since.resolution_id, until.resolution_id):
            totals[row["final"]].resolutions[row["channel"], row["kind"]] += row["count"]
            if row["solved"] is not None:
                totals[row["final"]].survey[row["channel"], "yes" if row["solved"] else "no"] += row["count"]
        for row in await fetch("count_model_use", since.at, until.at):
            if row["fallback"] is not None:
                totals[row["final"]].fallbacks[(row["fallback"],)] += row["turns"]
            if row["unusable"]:
                totals[row["final"]].model[row["model"], "unusable"] += row["turns"]
            for what in ("calls", "input_tokens", "output_tokens", "cost_micros"):
                totals[row["final"]].model[row["model"], what] += row[what]
        for row in await fetch("count_latencies", since.at, until.at, LATENCY_BOUNDS_MS):
            key = (row["kind"], row["name"], row["channel"], str(row["bucket"]))
            totals[row["final"]].latencies[key] += row["count"]
            totals[row["final"]].latency_sums_ms[key] += row["sum_ms"]
        for row in await fetch("count_stages", since.at, until.at):
            totals[row["final"]].stages[(row["stage"],)] += row["count"]
            totals[row["final"]].stage_sums_ms[(row["stage"],)] += row["sum_ms"]
        return totals[True], totals[False]


def _sum_reminders(escalations: Sequence[asyncpg.Record]) -> Mapping[Key, int]:
    reminders: Counter[Key] = Counter()
    for row in escalations:
        reminders[(row["team"],)] += row["reminders"]
    return reminders
