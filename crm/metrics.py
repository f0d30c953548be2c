"""What the system measures of itself, read from what its steps committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.records import Channel, OutboxState
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("metrics")


@dataclass(frozen=True, slots=True)
class Queue:
    """Inbound messages without an outcome; those in quarantine are counted apart. `oldest_s` is 0 without any."""

    depth: int
    oldest_s: float
    turns_running: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class Percentiles:
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Resolved:
    """Ends of conversations by how sure they are: the customer said so, nothing came any more, it did not hold."""

    confirmed: int
    assumed: int
    reopened: int


@dataclass(frozen=True, slots=True)
class SurveyAnswers:
    """What customers say when asked whether a resolved request is solved."""

    yes: int
    no: int


@dataclass(frozen=True, slots=True)
class ChannelMetrics:
    """One channel over a while. What was not measured in it is None."""

    channel: Channel
    messages: int
    conversations: int
    replies: int
    escalated: int
    escalation_rate: float
    sentiment: float | None
    resolved: Resolved
    survey: SurveyAnswers
    ack: Percentiles | None
    turn: Percentiles | None
    end_to_end: Percentiles | None


@dataclass(frozen=True, slots=True)
class Activity:
    """What is done now: turns of the last minute, and percentiles over a while. What was not measured is None."""

    turns_last_minute: int
    turn: Percentiles | None
    end_to_end: Percentiles | None


@dataclass(frozen=True, slots=True)
class LiveEscalations:
    """`oldest_open_s` is how long the oldest that nobody has taken has waited, 0 without any."""

    open: int
    taken: int
    oldest_open_s: float


@dataclass(frozen=True, slots=True)
class EmbeddingModel:
    model_id: str
    dimension: int
    active: bool


@dataclass(frozen=True, slots=True)
class HealthFigures:
    """What tells a healthy system from a stuck one. `outbox` counts what is not delivered yet."""

    queue: Queue
    outbox: dict[OutboxState, int]
    outbox_oldest_s: float
    channels: dict[Channel, bool]
    embedding_models: list[EmbeddingModel]
    articles: int
    chunks: int


class Metrics:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_acks(self, acks: Sequence[tuple[Channel, float]]) -> None:
        """Store the milliseconds from request to commit of accepted messages."""
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_acks"], [channel.value for channel, _ in acks], [ms for _, ms in acks]
            )

    async def fetch_channels(self, window: timedelta) -> list[ChannelMetrics]:
        """Every channel over the last `window`."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_channel_metrics"], window)
        return [
            ChannelMetrics(
                channel=Channel(row["channel"]),
                messages=row["messages"],
                conversations=row["conversations"],
                replies=row["replies"],
                escalated=row["escalated"],
                escalation_rate=row["escalated"] / row["conversations"] if row["conversations"] else 0.0,
                sentiment=row["sentiment"],
                resolved=Resolved(row["confirmed"], row["assumed"], row["reopened"]),
                survey=SurveyAnswers(yes=row["solved"], no=row["unsolved"]),
                ack=_to_percentiles(row["ack"]),
                turn=_to_percentiles(row["turn"]),
                end_to_end=_to_percentiles(row["end_to_end"]),
            )
            for row in rows
        ]

    async def fetch_activity(self, window: timedelta) -> Activity:
        """Percentiles are of the last `window`, which is a minute or longer."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_activity"], window)
        assert row is not None, "an aggregate has one row"
        return Activity(row["turns_last_minute"], _to_percentiles(row["turn"]), _to_percentiles(row["end_to_end"]))

    async def fetch_live_escalations(self) -> LiveEscalations:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_live_escalations"])
        assert row is not None, "an aggregate has one row"
        return LiveEscalations(**row)

    async def fetch_health(self) -> HealthFigures:
        async with self._database.connection() as connection:
            queue = await connection.fetchrow(_QUERIES["fetch_queue"])
            outbox = await connection.fetch(_QUERIES["fetch_outbox_backlog"])
            channels = await connection.fetch(_QUERIES["fetch_channels"])
            models = await connection.fetch(_QUERIES["fetch_embedding_models"])
            size = await connection.fetchrow(_QUERIES["fetch_knowledge_size"])
        assert queue is not None, "an aggregate has one row"
        assert size is not None, "a query without FROM has one row"
        return HealthFigures(
            queue=Queue(**queue),
            outbox={OutboxState(row["state"]): row["count"] for row in outbox},
            outbox_oldest_s=max((row["oldest_s"] for row in outbox), default=0.0),
            channels={Channel(row["channel"]): row["enabled"] for row in channels},
            embedding_models=[EmbeddingModel(**row) for row in models],
            articles=size["articles"],
            chunks=size["chunks"],
        )


def _to_percentiles(values: Sequence[float] | None) -> Percentiles | None:
    return Percentiles(values[0], values[1]) if values else None
