"""`fte status`: what runs, how far the queue is behind."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from serve_app.settings import Settings


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False) -> None:
    """Show the deployments, the queue and the addresses. Exit status 1 when nothing runs."""
    from serve_app.settings import load_settings

    report = collect(load_settings())
    if as_json:
        typer.echo(json.dumps(report))
    else:
        _show(report)
    if not report["running"]:
        raise typer.Exit(1)


def collect(settings: Settings) -> dict[str, Any]:
    """Plain values; what does not answer is null."""
    from agent.errors import FteError
    from serve_app.options import APP_NAME
    from serve_app.supervisor.lock import HomeLock
    from serve_app.supervisor.serve_client import ServeClient

    lock = HomeLock(settings.home)
    pid, copy = lock.holder(), lock.running_copy()
    report: dict[str, Any] = {
        "running": pid is not None,
        "pid": pid,
        "form": copy.form_url if pid and copy else None,
        "dashboard": copy.dashboard_url if pid and copy else None,
        "application": None,
        "deployments": {},
        "queue": None,
    }
    if pid and copy:
        try:
            rollout = ServeClient(copy.dashboard_url, settings.home / "keys" / "ray_token").rollout(APP_NAME)
        except FteError:
            rollout = None
        if rollout is not None:
            report["application"] = rollout.status
            report["deployments"] = {
                name: {"running": running, "wanted": wanted} for name, (running, wanted) in rollout.replicas.items()
            }
    try:
        report["queue"] = asyncio.run(_backlog(settings))
    except FteError:
        report["queue"] = None
    return report


async def _backlog(settings: Settings) -> dict[str, float]:
    from crm.database import Database
    from crm.work import WorkQueue

    database = Database(settings.dsn(), settings.times, "fte-status", pool_size=1)
    try:
        backlog = await WorkQueue(database).fetch_backlog()
    finally:
        await database.close()
    return {"depth": backlog.depth, "oldest_s": backlog.oldest_s}


def _show(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not report["running"]:
        console.print("nothing is running; start it with `fte up`")
        return
    console.print(f"form       {report['form']}", highlight=False)
    console.print(f"dashboard  {report['dashboard']}", highlight=False)
    queue = report["queue"]
    waiting = (
        "the database does not answer"
        if queue is None
        else (f"{queue['depth']} customers due, the oldest for {queue['oldest_s']:.1f} s")
    )
    console.print(f"queue      {waiting}", highlight=False)
    table = Table("deployment", "running", "wanted", title=f"application {report['application']}")
    for name, replicas in report["deployments"].items():
        table.add_row(name, str(replicas["running"]), str(replicas["wanted"]))
    console.print(table)
