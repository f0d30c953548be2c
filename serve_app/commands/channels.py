"""`fte channels`: how each channel stands, and step by step whether it is set up."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serve_app.commands.operator_door import ask

if TYPE_CHECKING:
    from agent.channel_health import CheckReport
    from agent.records import Channel
    from serve_app.settings import Settings

_HEADINGS = ("channel", "mode", "credentials", "last in", "last out", "watch until", "windows", "last error")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def register(app: typer.Typer) -> None:
    channels = typer.Typer(help="How the channels stand, and whether they are set up.")
    channels.callback(invoke_without_command=True)(show)
    channels.command()(check)
    app.add_typer(channels, name="channels")


def show(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False
) -> None:
    """Show each channel's mode, which credentials are set, the latest messages in and out, and the last error."""
    if context.invoked_subcommand is not None:
        return
    rows = ask("GET", "/channels")["channels"]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    from rich.console import Console
    from rich.table import Table

    from agent.channel_health import WHAT_TO_DO, AlarmKind

    cells = [_to_cells(row, datetime.now(UTC)) for row in rows]
    # A terminal is narrow: a column in which nothing stands is left out, and names of settings have lines of their own.
    told = [place for place in range(len(_HEADINGS)) if any(line[place] for line in cells)]
    table = Table(*(_HEADINGS[place] for place in told), box=None, pad_edge=False)
    for line in cells:
        table.add_row(*(line[place] for place in told))
    console = Console()
    console.print(table, highlight=False)
    for row in rows:
        if missing := _not_set(row):
            text = f"{row['channel']}: not set: {', '.join(missing)}"
            console.print(text, style="dim", highlight=False, markup=False)
    for alarm in (alarm for row in rows for alarm in row["alarms"]):
        since = f" (for {_ago(alarm['since'], datetime.now(UTC)).removesuffix(' ago')})" if alarm["since"] else ""
        console.print(f"\n! {alarm['channel']}: {alarm['detail']}{since}", style="red", highlight=False, markup=False)
        console.print(f"  {WHAT_TO_DO[AlarmKind(alarm['kind'])]}", highlight=False, markup=False)


def check(
    channel: Annotated[str | None, typer.Argument(help="email, whatsapp or web_form; all without one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a check.")] = False,
) -> None:
    """Look step by step whether the channels are set up, at the providers too. Exit status 1 when something fails."""
    from serve_app.settings import load_settings

    failed = asyncio.run(_check(_chosen(channel), load_settings(), as_json=as_json))
    if failed:
        raise typer.Exit(1)


def _chosen(name: str | None) -> list[Channel]:
    from agent.errors import BadInput
    from agent.records import Channel

    try:
        return list(Channel) if name is None else [Channel(name)]
    except ValueError as error:
        raise BadInput("channel", f"must be one of {', '.join(Channel)}") from error


async def _check(chosen: list[Channel], settings: Settings, *, as_json: bool) -> bool:
    """Say what each check finds as soon as it has; whether one failed."""
    from agent.channel_health import run_checks
    from serve_app.channel_checks import checks_of

    failed = False
    for channel in chosen:
        if not as_json:
            typer.secho(channel.value, bold=True)
        async for report in run_checks(checks_of(channel, settings)):
            failed = failed or (report.result is not None and not report.result.ok)
            if as_json:
                typer.echo(json.dumps(_to_json(channel, report)))
            else:
                _say(report)
    return failed


def _say(report: CheckReport) -> None:
    result = report.result
    if result is None:
        typer.secho(f"  –  {report.name}: skipped until the step before it works", dim=True)
        return
    mark, color = ("ok", typer.colors.GREEN) if result.ok else ("no", typer.colors.RED)
    typer.secho(f"  {mark} ", fg=color, nl=False)
    typer.echo(f"{report.name}: {result.detail}")
    if not result.ok and result.what_to_do:
        typer.echo(f"     {result.what_to_do}")


def _to_json(channel: Channel, report: CheckReport) -> dict[str, Any]:
    result = report.result
    return {
        "channel": channel.value,
        "check": report.name,
        "ok": None if result is None else result.ok,
        "detail": "" if result is None else result.detail,
        "what_to_do": "" if result is None else result.what_to_do,
    }


def _to_cells(row: dict[str, Any], now: datetime) -> list[str]:
    missing = len(_not_set(row))
    some = "not set" if missing == len(row["credentials"]) else f"{missing} not set"
    credentials = "none needed" if not row["credentials"] else some if missing else "set"
    windows = "" if row["open_windows"] is None else str(row["open_windows"])
    error = "" if not row["last_error"] else f"{row['last_error'][:80]} ({_ago(row['last_error_at'], now)})"
    watch = str(row["watch_expires_at"] or "")[:16]
    return [
        row["channel"],
        row["mode"],
        credentials,
        _ago(row["last_inbound_at"], now),
        _ago(row["last_outbound_at"], now),
        watch,
        windows,
        error,
    ]


def _not_set(row: dict[str, Any]) -> list[str]:
    """The names of the settings that the channel's provider would need and that are empty."""
    return [name for name, is_set in row["credentials"].items() if not is_set]


def _ago(iso: str | None, now: datetime) -> str:
    if iso is None:
        return "never"
    seconds = max(0, int((now - datetime.fromisoformat(iso)).total_seconds()))
    size, unit = next((each for each in _UNITS if seconds >= each[0]), _UNITS[-1])
    return f"{seconds // size} {unit} ago"
