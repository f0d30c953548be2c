"""How far long work is, on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import TaskID

    from serve_app.knowledge import OnProgress

# Between two lines of progress in a log.
_LINE_EVERY_S = 5.0


@contextmanager
def show_progress() -> Iterator[OnProgress]:
    """A bar for a person; for a log a line now and then."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn

    console = Console(stderr=True)
    last = time.monotonic()
    with Progress(
        SpinnerColumn(), *Progress.get_default_columns(), MofNCompleteColumn(), console=console, transient=True,
        disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        bars: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            nonlocal last
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=None)
            progress.update(bars[stage], completed=done, total=max(total, 1))
            if not console.is_terminal and time.monotonic() - last > _LINE_EVERY_S:
                last = time.monotonic()
                typer.echo(f"{stage}: {done} of {total}", err=True)

        yield show
