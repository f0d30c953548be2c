"""A snapshot in a terminal. Live, it also shows how the queue and the turns went since the view was opened."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crm.metrics import ChannelMetrics, Percentiles
from serve_app.status.snapshot import WINDOW_MIN, Figures, Replicas, Snapshot, in_words

NOTHING_RUNS = "nothing is running; start it with `fte up`"
_TICKS = "▁▂▃▄▅▆▇█"
_KEPT = 40
_CHANNELS = {"email": "e-mail", "whatsapp": "WhatsApp", "web_form": "web form"}


class Course:
    """What two figures were at the last looks."""

    def __init__(self) -> None:
        self.depth: deque[float] = deque(maxlen=_KEPT)
        self.turns: deque[float] = deque(maxlen=_KEPT)

    def note(self, snapshot: Snapshot) -> None:
        if snapshot.figures is not None:
            self.depth.append(snapshot.figures.health.queue.depth)
            self.turns.append(snapshot.figures.activity.turns_last_minute)


def render(snapshot: Snapshot, course: Course | None = None) -> RenderableType:
    if not snapshot.running:
        return Text(NOTHING_RUNS)
    parts: list[RenderableType] = [_health(snapshot), _addresses(snapshot)]
    if snapshot.figures is not None:
        parts.append(_work(snapshot.figures, course or Course()))
    parts.append(_deployments(snapshot))
    if snapshot.figures is not None:
        parts.append(_channels(snapshot.figures.channels))
    return Group(*parts)


def _health(snapshot: Snapshot) -> RenderableType:
    at = snapshot.taken_at.astimezone().strftime("%H:%M:%S")
    if snapshot.form is None:
        return Text(f"◌ starting (process {snapshot.pid})  {at}", "yellow")
    if not snapshot.problems:
        return Text.assemble(("● healthy", "bold green"), (f"  {at}", "dim"))
    lines = [Text.assemble(("● needs a look", "bold red"), (f"  {at}", "dim"))]
    lines += [Text(f"  {problem}", "red") for problem in snapshot.problems]
    return Group(*lines)


def _addresses(snapshot: Snapshot) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    for name, address in (
        ("form", snapshot.form),
        ("desk", f"{snapshot.form}desk" if snapshot.form else None),
        ("Ray dashboard", snapshot.dashboard),
        ("metrics", f"{snapshot.form}metrics" if snapshot.form else None),
        ("of replicas", snapshot.replica_metrics),
    ):
        if address:
            grid.add_row(Text(name, "dim"), address)
    return grid


def _work(figures: Figures, course: Course) -> RenderableType:
    queue, activity, escalations = figures.health.queue, figures.activity, figures.escalations
    grid = Table.grid(padding=(0, 2))
    waiting = f"{queue.depth} waiting" + (f", the oldest for {in_words(queue.oldest_s)}" if queue.depth else "")
    if queue.quarantined:
        waiting += f"; {queue.quarantined} in quarantine"
    grid.add_row(Text("queue", "dim"), waiting, _line(course.depth))
    turns = f"{activity.turns_last_minute} a minute, {queue.turns_running} running"
    grid.add_row(Text("turns", "dim"), turns, _line(course.turns))
    grid.add_row(Text("one turn", "dim"), _times(activity.turn))
    grid.add_row(Text("message to reply", "dim"), _times(activity.end_to_end))
    people = f"{escalations.open} waiting"
    if escalations.open:
        people += f", the oldest for {in_words(escalations.oldest_open_s)}"
    grid.add_row(Text("escalations", "dim"), f"{people}; {escalations.taken} taken")
    if "turns" in figures.language_model:
        grid.add_row(Text("language model", "dim"), _language_model(figures.language_model))
    return Group(Text(), grid)


def _language_model(model: Mapping[str, Any]) -> RenderableType:
    """Its name, how many turns it had, and below it what counts today against the ceilings."""
    without = sum(model["fallbacks"].values())
    turns = f"{model['model']}: {model['turns']} turns" + (f", {without} without it" if without else "")
    turns += f", {model['unusable']} with an unusable answer" if model.get("unusable") else ""
    tokens = f"today {model['tokens_today']:,}"
    if model["tokens_ceiling"]:
        tokens += f" of {model['tokens_ceiling']:,}"
    today = f"{tokens} tokens"
    if model["cost_today"] or model["cost_ceiling"]:
        today += f"; cost {model['cost_today']:.2f}"
    if model["cost_ceiling"]:
        today += f" of {model['cost_ceiling']:.2f}"
    return Group(turns, today)


def _deployments(snapshot: Snapshot) -> RenderableType:
    table = _table(f"application {(snapshot.application or 'unknown').lower()}", "deployment")
    for name in ("running", "wanted", "least", "most"):
        table.add_column(name, justify="right")
    table.add_column("")
    for name, replicas in snapshot.deployments.items():
        style = "red" if replicas.running < replicas.wanted else ""
        numbers = (replicas.running, replicas.wanted, replicas.least, replicas.most)
        table.add_row(name, *map(str, numbers), _marks(replicas), style=style)
    return table


def _channels(channels: Iterable[ChannelMetrics]) -> RenderableType:
    table = _table(f"channels, last {WINDOW_MIN} minutes; times are p50 / p95", "channel")
    for name in ("in", "out", "people", "accept", "turn", "to reply", "mood"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in channels:
        mood = "–" if each.sentiment is None else f"{each.sentiment:+.2f}"
        table.add_row(
            _CHANNELS[each.channel.value], str(each.messages), str(each.replies),
            f"{each.escalated} ({each.escalation_rate:.0%})", _times(each.ack), _times(each.turn),
            _times(each.end_to_end), mood,
        )  # fmt: skip
    return table


def _table(title: str, first: str) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"\n{title}",
        title_justify="left",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(first, no_wrap=True)
    return table


def _times(times: Percentiles | None) -> str:
    if times is None:
        return "–"
    (median, unit), (slow, slow_unit) = _scaled(times.p50_ms), _scaled(times.p95_ms)
    return f"{median} / {slow} {unit}" if unit == slow_unit else f"{median} {unit} / {slow} {slow_unit}"


def _scaled(ms: float) -> tuple[str, str]:
    return (f"{ms:.0f}", "ms") if ms < 1000 else (f"{ms / 1000:.1f}", "s")


def _marks(replicas: Replicas) -> Text:
    """A filled mark for each that runs, a hollow one for each that is wanted too, a dot for what more there may be."""
    missing = max(0, replicas.wanted - replicas.running)
    more = max(0, replicas.most - replicas.running - missing)
    return Text.assemble(("■" * replicas.running, "green"), ("□" * missing, "red"), ("·" * more, "dim"))


def _line(values: Iterable[float]) -> Text:
    """The course as a line of bars, the tallest for the most there was."""
    shown = list(values)
    most = max(shown, default=0)
    if len(shown) < 2:
        return Text("")
    return Text("".join(_TICKS[round(value / most * (len(_TICKS) - 1)) if most else 0] for value in shown), "cyan")
