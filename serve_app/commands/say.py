"""`fte say`: write as a customer on a channel, and read the answer."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command()(say)


def say(
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    channel: Annotated[str, typer.Option(help="On which channel: whatsapp or web_form.")] = "whatsapp",
    sender: Annotated[
        str | None, typer.Option("--from", help="The customer's number or address; a sample's otherwise.")
    ] = None,
    name: Annotated[str, typer.Option(help="The customer's name.")] = "Sample Customer",
    timeout: Annotated[float, typer.Option(min=1, max=600, help="Seconds to wait for the answer.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Write to the running system as a customer would, and show the answer as it is delivered.

    It needs no account: what a provider would sign is signed with the keys that `fte up` made.
    """
    from agent.errors import BadInput
    from serve_app.saying import WAYS, Answered, Saying
    from serve_app.settings import load_settings

    ways = {known.value: way for known, way in WAYS.items()}
    if channel not in ways:
        raise BadInput("--channel", f"must be one of {', '.join(ways)}")
    way = ways[channel]
    saying = Saying(sender or way.default_sender, name, text.strip())
    if not saying.text:
        raise BadInput("TEXT", "must not be empty")
    for each in way.converse(load_settings(), saying, timeout):
        if not isinstance(each, Answered):
            if not as_json:
                typer.echo(each)
        elif as_json:
            typer.echo(json.dumps(dataclasses.asdict(each)))
        else:
            reason = f", {each.reason}" if each.reason else ""
            typer.secho(f"({each.outcome}{reason}; {each.ticket_id})", dim=True, err=True)
