"""A run as a table for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from load.chaos.verdict import Verdict


def print_verdict(console: Console, verdict: Verdict) -> None:
    table = Table("killed", "back after s", "failed tries", "longest wait for 2xx s", "longest wait for the answer s")
    for cost in verdict.costs:
        back_s = cost.kill.back_s
        table.add_row(
            cost.kill.kind.value,
            "never" if back_s is None else f"{back_s:.1f}",
            str(cost.failed_tries),
            f"{cost.longest_ack_s:.1f}",
            f"{cost.longest_answer_s:.1f}",
        )
    console.print(table)
    counts = ", ".join(f"{what} {number}" for what, number in sorted(verdict.report.counts.items()))
    console.print(f"stored: {counts}", highlight=False)
    tries = ", ".join(f"{reason} {number}" for reason, number in sorted(verdict.failed_tries.items()))
    console.print(f"failed tries: {tries or 'none'}", highlight=False)
    if verdict.answered_after_s is not None:
        console.print(f"everything was answered {verdict.answered_after_s:.1f} s after the last kill")
    for problem in verdict.problems:
        console.print(f"[red]{problem}[/red]", highlight=False)
    if not verdict.problems:
        console.print("[green]nothing lost, nothing doubled, order kept[/green]")
