"""`fte up`: the whole system in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from serve_app.settings import Settings
    from serve_app.supervisor.supervisor import Supervisor


def register(app: typer.Typer) -> None:
    app.command()(up)


def up() -> None:
    """Start everything, show its logs, and stop it with Ctrl-C."""
    import signal

    from rich.console import Console

    from serve_app.settings import load_settings
    from serve_app.supervisor.supervisor import Supervisor

    settings = load_settings()
    console = Console(soft_wrap=True)
    supervisor = Supervisor(settings, console, on_ready=lambda running: _greet(console, settings, running))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: supervisor.stop())
    supervisor.run()


def _greet(console: Console, settings: Settings, supervisor: Supervisor) -> None:
    from serve_app.settings import key_files
    from serve_app.supervisor.run_folder import ensure_key

    given = settings.operator_key if "operator_key" in settings.model_fields_set else None
    key = given.get_secret_value() if given else ensure_key(key_files(settings.home)["operator_key"])
    console.print()
    console.print(f"[bold]Support form[/bold]   {supervisor.running_copy().form_url}", highlight=False)
    console.print(f"[bold]Support desk[/bold]   {supervisor.running_copy().form_url}desk", highlight=False)
    console.print(f"[bold]Operator key[/bold]   {key}", highlight=False)
    console.print(
        f"[bold]Ray dashboard[/bold]  {supervisor.dashboard_url}  (it asks for the token: {supervisor.ray_token})",
        highlight=False,
    )
    console.print("[dim]Ctrl-C stops everything; logs follow.[/dim]\n")
