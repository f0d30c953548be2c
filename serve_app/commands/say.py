"""`fte say`: write as a customer on a channel, and read the answer."""

from __future__ import annotations

import dataclasses
import json
from enum import StrEnum
from typing import Annotated

import typer


class SpokenChannel(StrEnum):
    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


def register(app: typer.Typer) -> None:
    app.command()(say)


def say(
    text: Annotated[str, typer.Argument(help="What the customer writes.")],
    channel: Annotated[SpokenChannel, typer.Option(help="On which channel.")] = SpokenChannel.WHATSAPP,
    sender: Annotated[
        str | None, typer.Option("--from", help="The customer's number or address; a sample's otherwise.")
    ] = None,
    name: Annotated[str, typer.Option(help="The customer's name.")] = "Sample Customer",
    subject: Annotated[str, typer.Option(help="Of a mail; its first words otherwise.")] = "",
    reply: Annotated[bool, typer.Option("--reply", help="Go on in the thread of the sender's last mail.")] = False,
    timeout: Annotated[float, typer.Option(min=1, max=600, help="Seconds to wait for the answer.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Write to the running system as a customer would, and show the answer as it is delivered.

    It needs no account: what a provider would sign is signed with the keys that `fte up` made.
    """
    from agent.errors import BadInput
    from agent.records import Channel
    from serve_app.saying import WAYS, Answered, Saying, follow
    from serve_app.settings import load_settings

    settings = load_settings()
    way = WAYS[Channel(channel.value)]
    words = text.strip()
    if not words:
        raise BadInput("TEXT", "must not be empty")
    find = way.say(settings, Saying(sender or way.default_sender, name, words, subject, reply))
    for each in follow(find, words, timeout):
        if not isinstance(each, Answered):
            if not as_json:
                typer.echo(each)
        elif as_json:
            typer.echo(json.dumps(dataclasses.asdict(each)))
        else:
            reason = f", {each.reason}" if each.reason else ""
            typer.secho(f"({each.outcome}{reason}; {each.ticket_id})", dim=True, err=True)
