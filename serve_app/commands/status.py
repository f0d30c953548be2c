"""`fte status`: what runs, how far the queue is behind, and what needs a look; live in a terminal."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from serve_app.status.reading import StatusReader
    from serve_app.status.snapshot import Snapshot


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One look, machine-readable.")] = False,
    once: Annotated[bool, typer.Option("--once", help="One look, also in a terminal.")] = False,
    every: Annotated[float, typer.Option(min=0.5, max=60, help="Seconds between two looks.")] = 2.0,
) -> None:
    """Show health, deployments, queue, escalations and channels, live until Ctrl-C. Exit status 1 when nothing runs."""
    from rich.console import Console

    from serve_app.settings import load_settings
    from serve_app.status.reading import StatusReader

    console = Console()
    live = console.is_terminal and not (once or as_json)
    try:
        snapshot = asyncio.run(_look(StatusReader(load_settings()), console, every if live else None))
    except KeyboardInterrupt:
        return
    if as_json:
        typer.echo(json.dumps(snapshot.as_json()))
    else:
        from serve_app.status.view import render

        # After a live view: that what it showed has ended.
        console.print(render(snapshot), highlight=False)
    if not snapshot.running:
        raise typer.Exit(1)


async def _look(reader: StatusReader, console: Console, every_s: float | None) -> Snapshot:
    """One snapshot, or with `every_s` the last one of a view that lasts as long as something runs."""
    async with reader:
        snapshot = await reader.read()
        if every_s is None or not snapshot.running:
            return snapshot
        from rich.live import Live

        from serve_app.status.view import Course, render

        course = Course()
        with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as view:
            while snapshot.running:
                course.note(snapshot)
                view.update(render(snapshot, course), refresh=True)
                await asyncio.sleep(every_s)
                snapshot = await reader.read()
        return snapshot
