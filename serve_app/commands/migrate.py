"""`fte migrate`: bring the database's schema up to date."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    app.command()(migrate)


def migrate() -> None:
    """Run the migrations that the database does not have yet."""
    from serve_app.settings import load_settings
    from serve_app.supervisor.data import migrate_database

    ran = migrate_database(load_settings().dsn())
    for name in ran:
        typer.echo(name)
    if not ran:
        typer.echo("the schema is up to date")
