"""`fte quarantine`: the form's requests that look like spam, released or discarded through the HTTP door."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from serve_app.commands.operator_door import ask

Conversation = Annotated[str, typer.Argument(help="The conversation, as `fte quarantine list` shows it.")]


def register(app: typer.Typer) -> None:
    quarantine = typer.Typer(help="Requests of the form that look like spam.", no_args_is_help=True)
    quarantine.command("list")(list_waiting)
    quarantine.command()(release)
    quarantine.command()(discard)
    app.add_typer(quarantine, name="quarantine")


def list_waiting(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """List what waits, with what was written."""
    rows = ask("GET", "/quarantine")["quarantined"]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        _show(rows)


def release(conversation: Conversation) -> None:
    """Let the FTE handle it, as if it had just arrived."""
    standing = ask("POST", f"/quarantine/{conversation}/release", asked="conversation")
    typer.echo(f"{standing['ticket_id']} goes to the FTE now")


def discard(conversation: Conversation) -> None:
    """End it as spam: it stays stored and is not answered."""
    standing = ask("POST", f"/quarantine/{conversation}/discard", asked="conversation")
    typer.echo(f"{standing['ticket_id']} is closed as spam")


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("nothing is in quarantine")
    for row in rows:
        typer.secho(f"{row['conversation_id']}  {row['ticket_id']}  {', '.join(row['reasons'])}", bold=True)
        typer.echo(f"    since {str(row['created_at'])[:16]}, {row['customer_name']} <{row['address']}>")
        typer.echo(f"    {' '.join(' '.join([row['subject'], *row['messages']]).split())[:300]}")
