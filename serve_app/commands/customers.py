"""`fte customers`: which customers were found to be one, and how to take them apart again."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from serve_app.commands.operator_door import ask


def register(app: typer.Typer) -> None:
    customers = typer.Typer(help="Customers who were found to be one.", no_args_is_help=True)
    customers.command()(merges)
    customers.command()(unmerge)
    app.add_typer(customers, name="customers")


def merges(
    customer: Annotated[str | None, typer.Option(help="Only the merges of this customer, by its id.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """List merges, the latest first, with the evidence for each."""
    params = None if customer is None else {"customer": customer}
    rows = ask("GET", "/customers/merges", params=params, asked="customer")["merges"]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        _show(rows)


def unmerge(merge: Annotated[str, typer.Argument(help="The merge, as `fte customers merges` shows it.")]) -> None:
    """Take the two customers of a merge apart; each keeps what came over its own identifiers, also since."""
    ask("POST", f"/customers/merges/{merge}/undo", asked="merge")
    typer.echo(f"merge {merge} is undone")


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("no customers were merged")
    for row in rows:
        source, target = row["source_name"] or row["source_id"], row["target_name"] or row["target_id"]
        typer.secho(f"{source} into {target}", bold=True)
        typer.echo(
            f"    {str(row['created_at'])[:16]}, {row['conversations']} conversations, because {row['evidence']}"
        )
        undone = f", undone {str(row['undone_at'])[:16]} by {row['undone_by']}" if row["undone_at"] else ""
        typer.echo(f"    merge {row['merge_id']}{undone}")
