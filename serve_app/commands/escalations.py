"""`fte escalations`: what waits for a person, as the desk's HTTP door lists it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from serve_app.commands.operator_door import ask


def register(app: typer.Typer) -> None:
    app.command()(escalations)


def escalations(
    team: Annotated[str | None, typer.Option(help="Only this team's.")] = None,
    status: Annotated[str | None, typer.Option(help="open, taken, handed_back or resolved.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """List escalations."""
    filters = {name: value for name, value in (("team", team), ("status", status)) if value}
    rows = ask("GET", "/escalations", params=filters, asked="team or status")["escalations"]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        _show(rows)


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("nothing waits for a person")
    for row in rows:
        words = (row["severity"], row["team"], row["reason_code"], row["status"], row["ticket_id"], row["priority"])
        typer.secho("  ".join(map(str, words)), bold=True)
        reminded = ""
        if row["reminders"]:
            reminded = f", raised again {row['reminders']} times, last {_at(row['raised_again_at'])}"
        due = f", an answer is due {_at(row['due_at'])}" if row["due_at"] else ""
        typer.echo(f"    since {_at(row['created_at'])}{due}{reminded}, conversation {row['conversation_id']}")
        typer.echo(f"    {' '.join(str(row['summary']).split())[:300]}")


def _at(iso: str) -> str:
    """A moment as the API names it, to the minute."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
