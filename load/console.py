"""How a run shows itself in a terminal: where it is, and what it found."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

from load.results import Result, Table


class Steps:
    """A moving bar with the step that runs; each step that ended stays as a line with its time."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", table_column=None), BarColumn(bar_width=24), TimeElapsedColumn(),
            console=console,
        )  # fmt: skip

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        self._progress.stop()

    def next(self, step: str) -> None:
        self._finish()
        self._progress.add_task(step, total=None)

    def _finish(self) -> None:
        for task in self._progress.tasks:
            if not task.finished:
                self._progress.update(task.id, total=1, completed=1)


def print_result(console: Console, result: Result) -> None:
    for section in result.sections:
        console.rule(section.title, align="left")
        console.print(section.method, style="dim", highlight=False)
        for table in section.tables:
            console.print(_to_rich(table))
    targets = RichTable("what", "measured", "target", "", title="Figures", title_justify="left")
    for figure in result.figures:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[figure.met]
        targets.add_row(figure.name, figure.shown, figure.target_shown, verdict)
    console.print(targets)
    for failure in result.failures:
        console.print(f"[red]✗[/red] {escape(failure)}", highlight=False)


def _to_rich(table: Table) -> RichTable:
    shown = RichTable(title=table.title, title_justify="left")
    for number, column in enumerate(table.columns):
        shown.add_column(column, justify="left" if number == 0 else "right")
    for row in table.rows:
        shown.add_row(*map(escape, table.shown(row)))
    return shown
