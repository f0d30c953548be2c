"""The system's figures as Prometheus text. Every replica tells the same, so scrape one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from agent.channel_health import AlarmKind
from agent.records import Channel, OutboxState
from crm.totals import LATENCY_BOUNDS_MS, SystemFigures

# Metric and help text by the kind and the measure of the rows that it counts.
_HISTOGRAMS = {
    ("model", "total"): ("fte_model_seconds", "The language model's own time in a turn"),
    ("accept", "total"): ("fte_ack_seconds", "From a request to the commit of its message"),
    ("turn", "total"): ("fte_turn_seconds", "One turn, from its claim to its commit"),
    ("deliver", "total"): ("fte_delivery_seconds", "From the commit of a reply to its delivery"),
    ("deliver", "end_to_end"): ("fte_end_to_end_seconds", "From the first message of a burst to its delivered reply"),
}
# Those that there may be, so that an alert finds its series before it fires.
_ALARMS = {*((Channel.EMAIL, kind) for kind in AlarmKind), (Channel.WHATSAPP, AlarmKind.SENDS_NOT_FOUND)}
_BOUNDS = [f"{bound / 1000:g}" for bound in LATENCY_BOUNDS_MS]


def render_metrics(figures: SystemFigures) -> bytes:
    """Prometheus' text format, as CONTENT_TYPE_LATEST names it."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FiguresCollector(figures))
    return generate_latest(registry)


class _FiguresCollector(Collector):
    def __init__(self, figures: SystemFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from self._gauges()
        yield from self._counters()
        for (kind, measure), (name, text) in _HISTOGRAMS.items():
            yield self._histogram(name, text, kind, measure)
        yield self._stages()

    def _gauges(self) -> Iterator[Metric]:
        queue = self._figures.queue
        yield GaugeMetricFamily("fte_queue_depth", "Inbound messages without an outcome", queue.depth)
        yield GaugeMetricFamily("fte_queue_oldest_seconds", "Age of the oldest of them", queue.oldest_s)
        yield GaugeMetricFamily("fte_quarantine_messages", "Messages that wait in quarantine", queue.quarantined)
        yield GaugeMetricFamily("fte_turns_running", "Turns that hold a lease now", queue.turns_running)
        outbox = GaugeMetricFamily("fte_outbox_messages", "Replies by outbox state", labels=["state"])
        for state in OutboxState:
            outbox.add_metric([state.value], self._figures.totals.outbox[(state.value,)])
        yield outbox
        escalations = GaugeMetricFamily("fte_escalations", "Escalations by status", labels=["team", "status"])
        for labels, count in sorted(self._figures.escalations.items()):
            escalations.add_metric(labels, count)
        yield escalations
        raised = {(each.channel, each.kind) for each in self._figures.alarms}
        alarms = GaugeMetricFamily("fte_channel_alarm", "1 while it needs a look", labels=["channel", "alarm"])
        for channel, kind in sorted({*_ALARMS, *raised}):
            alarms.add_metric([channel.value, kind.value], (channel, kind) in raised)
        yield alarms
        totals = self._figures.totals
        # Gauges: what is assumed may be confirmed or reopened later, and who answered may change it.
        yield _gauge("fte_resolutions", "Ends of conversations", ["channel", "kind"], totals.resolutions)
        yield _gauge("fte_survey_answers", "Answers to the survey", ["channel", "solved"], totals.survey)

    def _counters(self) -> Iterator[Metric]:
        totals = self._figures.totals
        yield _counter("fte_messages", "Stored messages", ["channel", "direction"], totals.messages)
        yield _counter("fte_outcomes", "Ends of turns", ["channel", "kind", "reason"], totals.outcomes)
        yield _counter("fte_model_calls", "Calls of the language model", ["model"], _of(totals.model, "calls"))
        tokens: dict[tuple[str, ...], int] = {}
        for direction in ("input", "output"):
            counts = _of(totals.model, f"{direction}_tokens")
            tokens |= {(*labels, direction): count for labels, count in counts.items()}
        yield _counter("fte_model_tokens", "What it read and wrote", ["model", "direction"], tokens)
        cost = {labels: count / 1_000_000 for labels, count in _of(totals.model, "cost_micros").items()}
        yield _counter("fte_model_cost", "What it cost by the prices that are set", ["model"], cost)
        yield _counter("fte_model_fallbacks", "Turns that went on without it", ["cause"], totals.fallbacks)
        unusable = _of(totals.model, "unusable")
        yield _counter("fte_model_unusable", "Turns whose answer by it was of no use", ["model"], unusable)
        reminders = self._figures.reminders
        yield _counter("fte_escalation_reminders", "How often escalations were raised again", ["team"], reminders)

    def _histogram(self, name: str, text: str, kind: str, measure: str) -> Metric:
        totals = self._figures.totals
        family = HistogramMetricFamily(name, text, labels=["channel"])
        channels = sorted({key[2] for key in totals.latencies if key[:2] == (kind, measure)})
        for channel in channels:
            keys = [(kind, measure, channel, str(bucket)) for bucket in range(len(_BOUNDS) + 1)]
            running, buckets = 0, []
            for bound, key in zip([*_BOUNDS, "+Inf"], keys, strict=True):
                running += totals.latencies[key]
                buckets.append((bound, running))
            seconds = sum(totals.latency_sums_ms[key] for key in keys) / 1000
            family.add_metric([channel], buckets, seconds)
        return family

    def _stages(self) -> Metric:
        totals = self._figures.totals
        family = SummaryMetricFamily("fte_turn_stage_seconds", "Time in each stage of turns", labels=["stage"])
        for labels, count in sorted(totals.stages.items()):
            family.add_metric(labels, count, totals.stage_sums_ms[labels] / 1000)
        return family


def _gauge(name: str, text: str, labels: Sequence[str], counts: Mapping[tuple[str, ...], int]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family


def _of(model: Mapping[tuple[str, ...], int], what: str) -> dict[tuple[str, ...], int]:
    return {(key[0],): count for key, count in model.items() if key[1] == what}


def _counter(name: str, text: str, labels: Sequence[str], counts: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(values, count)
    return family
