"""An evaluation's figures in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_MODES = {"dense": "dense alone", "text": "full text alone", "hybrid": "hybrid"}


def show_report(report: Mapping[str, Any], comparison: Mapping[str, Any] | None, page: Path) -> None:
    for name, section in report["messages"].items():
        show_figures(name, section, err=False)
    console = Console()
    if "retrieval" in report:
        _show_modes(console, report["retrieval"])
    if "conversations" in report:
        _show_conversations(console, report["conversations"])
    for name, section in report["sentiment"].items():
        console.print(f"sentiment, {name}: {percent(section['accuracy'])} of {section['cases']} messages")
    _show_comparison(console, comparison)
    console.print(f"{report['seconds']:g} s; the report: {page}", soft_wrap=True)


def show_figures(name: str, figures: Mapping[str, Any], *, err: bool) -> None:
    """The figures of one set of labelled messages."""
    table = Table("reason", "cases", "recall", "precision", title=f"{name}: {figures['cases']} labelled cases")
    for reason, row in figures["reasons"].items():
        table.add_row(reason, str(row["cases"]), percent(row["recall"]), percent(row["precision"]))
    console = Console(stderr=err)
    console.print(table)
    console.print(
        f"right {percent(figures['accuracy'])}; "
        f"handed over of what must be {percent(figures['escalation_recall'])}, "
        f"for the right reason {percent(figures['reason_accuracy'])}; "
        f"handed over of what may be answered {percent(figures['false_escalations'])}\n"
    )


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _show_modes(console: Console, section: Mapping[str, Any]) -> None:
    table = Table(
        "search", "hit@1", "hit@3", "hit@5", "hit@10", "MRR", title=f"retrieval: {section['questions']} questions"
    )
    for mode, figures in section["modes"].items():
        hits = [percent(figures[f"hit@{k}"]) for k in (1, 3, 5, 10)]
        table.add_row(_MODES[mode], *hits, f"{figures['mrr']:.3f}")
    console.print(table)


def _show_conversations(console: Console, section: Mapping[str, Any]) -> None:
    shares = ", ".join(f"{name} {percent(value)}" for name, value in section["pass"].items())
    grounded = section["groundedness"]
    console.print(
        f"conversations: {section['cases']}, each replayed {section['replays']} times: {shares}; "
        f"sentences of answers with a source {percent(grounded['sentences'])}"
    )
    for failure in section["failures"]:
        console.print(f"  {failure['id']}: {'; '.join(failure['problems'])}", soft_wrap=True, markup=False)


def _show_comparison(console: Console, comparison: Mapping[str, Any] | None) -> None:
    if comparison is None:
        return
    worse = comparison["regressions"]
    console.print(
        f"against the run of {comparison['before']}: " + (f"{len(worse)} figures worse" if worse else "none worse")
    )
    for each in comparison["moved"]:
        if each["figure"] in worse:
            console.print(f"  {each['figure']}: {each['before']:g} → {each['now']:g}", style="red")
    for name, (before, now) in comparison["resized"].items():
        console.print(f"  {name} had {before} cases and has {now}: its figures are of others")
    for title, ids in (("fail now", comparison["newly_failing"]), ("pass now", comparison["newly_passing"])):
        for name, each in ids.items():
            console.print(f"  {title} ({name}): {', '.join(each)}", soft_wrap=True, markup=False)
