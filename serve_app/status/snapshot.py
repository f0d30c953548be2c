"""One look at a running system, and what is wrong in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from agent.channel_health import Alarm
from agent.records import OutboxState
from crm.metrics import Activity, ChannelMetrics, HealthFigures, LiveEscalations

WINDOW_MIN = 15
"""Percentiles and the channels' figures are of so many minutes."""
_QUEUE_LATE_S = 60.0
_DELIVERY_LATE_S = 60.0
_ESCALATION_LATE_S = 1800.0


@dataclass(frozen=True, slots=True)
class Replicas:
    """Of one deployment: running now, wanted now, and the least and the most that autoscaling may want."""

    running: int
    wanted: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database knows."""

    health: HealthFigures
    activity: Activity
    escalations: LiveEscalations
    channels: Sequence[ChannelMetrics]
    language_model: Mapping[str, Any] = field(default_factory=dict)
    """As `GET /health/detailed` tells it."""
    alarms: Sequence[Alarm] = ()
    """Of the channels."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`pid` is None when nothing runs; what does not answer is None or empty."""

    taken_at: datetime
    pid: int | None = None
    form: str | None = None
    dashboard: str | None = None
    replica_metrics: str | None = None
    """Where this node's replicas are scraped."""
    answers: bool = False
    """Whether the HTTP port does."""
    application: str | None = None
    """Serve's status of it."""
    deployments: Mapping[str, Replicas] = field(default_factory=dict)
    figures: Figures | None = None

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def problems(self) -> list[str]:
        """Sentences, the gravest first; none when all is well."""
        return list(self._problems()) if self.running else []

    def as_json(self) -> dict[str, Any]:
        """Plain values; `figures` is null when the database does not answer."""
        plain = asdict(self)
        plain.update(running=self.running, problems=self.problems, taken_at=self.taken_at.isoformat())
        if self.figures is not None:
            plain["figures"]["alarms"] = [
                {**asdict(each), "since": each.since and each.since.isoformat()} for each in self.figures.alarms
            ]
            plain["figures"]["channels"] = {each.channel.value: asdict(each) for each in self.figures.channels}
        return plain

    def _problems(self) -> Iterator[str]:
        if not self.answers:
            yield "the HTTP port does not answer"
        if self.application is None:
            yield "the Ray dashboard does not answer"
        elif self.application != "RUNNING":
            yield f"the application is {self.application.lower()}"
        for name, replicas in self.deployments.items():
            if replicas.running < replicas.wanted:
                yield f"{name}: {replicas.running} of {replicas.wanted} replicas run"
        if self.figures is None:
            yield "the database does not answer"
            return
        health, escalations = self.figures.health, self.figures.escalations
        if health.queue.oldest_s > _QUEUE_LATE_S:
            yield f"a message has waited for {in_words(health.queue.oldest_s)}"
        if health.outbox_oldest_s > _DELIVERY_LATE_S:
            unknown = health.outbox.get(OutboxState.UNKNOWN, 0)
            asked = f"; of {unknown} it is unknown whether they arrived" if unknown else ""
            yield f"a reply has not been delivered for {in_words(health.outbox_oldest_s)}{asked}"
        if escalations.oldest_open_s > _ESCALATION_LATE_S:
            yield f"nobody has taken an escalation for {in_words(escalations.oldest_open_s)}"
        if "problem" in self.figures.language_model:
            yield f"the language model: {self.figures.language_model['problem']}"
        yield from (each.sentence for each in self.figures.alarms)
        if health.articles == 0:
            yield "the knowledge base is empty; load one with `fte kb sync DIR`"


def in_words(seconds: float) -> str:
    """A length of time in its largest unit, rounded down, as `41 s`, `3 min`, `2 h` or `5 d`."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 or seconds == 0 else f"{seconds:.1f} s"
