"""A load run as a report: what customers met, where the time went, and what the auditor found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crm.audit import AuditReport
from load.figures import STAGES, Recorded
from load.machine import describe_machine
from load.percentiles import percentiles
from load.results import Cell, Figure, Result, Section, Table

_REPLY = "REPLY"


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One line of Locust's statistics; times are milliseconds."""

    kind: str
    name: str
    requests: int
    failures: int
    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> RequestRow:
        """`response_times` has how often each time was measured, rounded as Locust does."""
        times = [float(ms) for ms, count in entry["response_times"].items() for _ in range(count)]
        found = percentiles(times)
        return cls(
            entry["method"], entry["name"], entry["num_requests"], entry["num_failures"],
            found.p50, found.p95, found.p99, float(entry["max_response_time"] or 0),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoadRun:
    """What is known at the end of a run. `page` is Locust's own report, beside ours."""

    users: int
    seconds: int
    requests: Sequence[RequestRow]
    recorded: Recorded
    audited: AuditReport
    settled_after_s: float | None
    page: str


def read_requests(file: Path) -> list[RequestRow]:
    """What Locust wrote with `--json-file`, by name; nothing where it did not come to write it."""
    if not file.exists():
        return []
    entries = json.loads(file.read_text(encoding="utf-8"))
    return sorted((RequestRow.parse(entry) for entry in entries), key=lambda row: (row.name, row.kind))


def to_result(run: LoadRun, problems: Sequence[str]) -> Result:
    result = Result(datetime.now(UTC).isoformat(timespec="seconds"), describe_machine())
    result.sections = [_requests(run), _stages(run), _audit(run)]
    result.failures = list(problems)
    return result


def _requests(run: LoadRun) -> Section:
    http = [row for row in run.requests if row.kind != _REPLY]
    replies = [row for row in run.requests if row.kind == _REPLY]
    sent = sum(row.requests for row in http)
    columns = ("what", "count", "failed", "p50 ms", "p95 ms", "p99 ms", "longest ms")
    return Section(
        name="requests",
        title="What customers and the desk met",
        method=(
            f"{run.users} users for {run.seconds} s. A reply counts from the answer to the customer's message until "
            f"the customer sees it. Locust's own report, with the course over time: {run.page}"
        ),
        figures=(
            Figure("failed requests", sum(row.failures for row in run.requests), "", at_most=0),
            Figure("requests a second", sent / run.seconds, "/s"),
        ),
        tables=(
            Table("Replies", columns, tuple(_cells(row, row.name) for row in replies)),
            Table("Requests", columns, tuple(_cells(row, f"{row.kind} {row.name}") for row in http)),
        ),
    )


def _cells(row: RequestRow, name: str) -> tuple[Cell, ...]:
    return (name, row.requests, row.failures, row.p50, row.p95, row.p99, row.most)


def _stages(run: LoadRun) -> Section:
    stages = run.recorded.stage_percentiles()
    whole = percentiles(run.recorded.delivered_end_to_end)
    rows = [
        (name, stages[name].count, stages[name].p50, stages[name].p95, stages[name].p99, stages[name].max)
        for name in STAGES
    ]
    rows.append(("whole: accept to delivered", whole.count, whole.p50, whole.p95, whole.p99, whole.max))
    outcomes = tuple(sorted(run.recorded.outcomes().items()))
    return Section(
        name="stages",
        title="Where the time went",
        method="By the system's own measurements and the database's clock, from the first message of the run on.",
        figures=(Figure("replies delivered a minute", 60 * whole.count / run.seconds, "/min"),),
        tables=(
            Table("Stages, p95 ms", ("stage", "p95"), tuple((row[0], row[3]) for row in rows if row[1]), chart="bars"),
            Table("Stages", ("stage", "times", "p50 ms", "p95 ms", "p99 ms", "longest ms"), tuple(rows)),
            Table("Ends of turns", ("outcome", "turns"), outcomes, chart="bars"),
        ),
    )


def _audit(run: LoadRun) -> Section:
    counts = tuple(sorted(run.audited.counts.items()))
    findings = tuple((finding,) for finding in run.audited.findings) or (("none",),)
    answered = float("nan") if run.settled_after_s is None else run.settled_after_s
    return Section(
        name="audit",
        title="What the auditor found",
        method=(
            "Every message that a customer sent is compared with what is stored, and what is stored with the "
            "invariants: nothing lost, nothing doubled, in order, one outcome each."
        ),
        figures=(
            Figure("findings", len(run.audited.findings), "", at_most=0),
            Figure("everything answered after the run's end", answered, "s", at_most=90.0),
        ),
        tables=(Table("Looked at", ("what", "number"), counts), Table("Findings", ("finding",), findings)),
    )
