"""`fte escalations`: what waits for a person, as the desk's HTTP door lists it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    app.command()(escalations)


def escalations(
    team: Annotated[str | None, typer.Option(help="Only this team's.")] = None,
    status: Annotated[str | None, typer.Option(help="open, taken, handed_back or resolved.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """List escalations."""
    rows = fetch({name: value for name, value in (("team", team), ("status", status)) if value})
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        _show(rows)


def fetch(filters: dict[str, str]) -> list[dict[str, Any]]:
    """Raises DependencyAway when the system does not answer, BadInput when it refuses a filter."""
    import httpx

    from agent.errors import BadInput, DependencyAway, NotAuthorized
    from serve_app.settings import load_settings

    settings = load_settings()
    key = settings.operator_key.get_secret_value()
    try:
        answer = httpx.get(
            f"{settings.base_url}/escalations", params=filters, timeout=10, trust_env=False,
            headers={"Authorization": f"Bearer {key}"},
        )  # fmt: skip
    except httpx.HTTPError as error:
        raise DependencyAway(f"{settings.base_url} does not answer; start the system with `fte up`") from error
    if answer.status_code == 401:
        raise NotAuthorized("the operator key is not accepted; is FTE_HOME or FTE_OPERATOR_KEY another's?")
    if answer.status_code == 422:
        raise BadInput("filter", "team or status is not one of the known values")
    if not answer.is_success:
        raise DependencyAway(f"{settings.base_url} answers {answer.status_code}; try again")
    rows = answer.json()
    return list(rows["escalations"] if isinstance(rows, dict) else rows)


def _show(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("nothing waits for a person")
    for row in rows:
        words = (row["severity"], row["team"], row["reason_code"], row["status"], row["ticket_id"])
        typer.secho("  ".join(map(str, words)), bold=True)
        typer.echo(f"    since {str(row['created_at'])[:16]}, conversation {row['conversation_id']}")
        typer.echo(f"    {' '.join(str(row['summary']).split())[:300]}")
