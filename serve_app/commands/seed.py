"""`fte seed`: sample customers, tickets and conversations, for demonstrations and tests."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from serve_app.commands.progress import show_progress

if TYPE_CHECKING:
    from serve_app.seeding import SeedReport


def register(app: typer.Typer) -> None:
    app.command()(seed)


def seed(
    reset: Annotated[
        bool, typer.Option("--reset", help="Remove the sample customers, with all that is stored of them, first.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Store sample conversations that look as if they had happened in the last days. Again, it changes nothing."""
    from serve_app.samples import read_samples
    from serve_app.seeding import check_may_seed
    from serve_app.seeding import seed as write_samples
    from serve_app.settings import load_settings

    settings = load_settings()
    check_may_seed(settings)
    conversations = read_samples(settings.knowledge_dir / "sample_conversations.yaml")
    with show_progress() as show:
        report = asyncio.run(write_samples(settings, conversations, reset=reset, on_progress=show))
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(report)))
    else:
        _show(report)


def _show(report: SeedReport) -> None:
    removed = f"{report.removed} removed, " if report.removed else ""
    typer.echo(f"sample conversations: {removed}{report.written} written, {report.present} there before")
    if report.otherwise:
        typer.echo(
            f"{len(report.otherwise)} messages ended in another way than the samples say, "
            f"as other articles can make them: {', '.join(report.otherwise)}",
            err=True,
        )
