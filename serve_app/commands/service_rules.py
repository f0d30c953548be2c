"""`fte service-rules`: response times, business hours, reminders, closing and survey of each channel, through the HTTP
door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from serve_app.commands.operator_door import ask


def register(app: typer.Typer) -> None:
    rules = typer.Typer(help="How soon people answer, and when they are there.", no_args_is_help=True)
    rules.command()(show)
    rules.command("set")(replace)
    app.add_typer(rules, name="service-rules")


def show(
    channel: Annotated[str | None, typer.Option(help="Only this one: email, whatsapp or web_form.")] = None,
) -> None:
    """Print the rules as JSON, as `set` takes them."""
    from agent.errors import BadInput

    rules = ask("GET", "/service-rules")
    if channel is not None and channel not in rules:
        raise BadInput("--channel", f"must be one of {', '.join(rules)}")
    shown = rules if channel is None else {channel: rules[channel]}
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def replace(
    file: Annotated[Path, typer.Argument(help="Rules by channel, as `show` prints them; - for standard input.")],
) -> None:
    """Replace the rules of the channels in FILE; a mistake in it names its field, and changes nothing."""
    from agent.errors import BadInput

    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text(encoding="utf-8")
        rules = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(str(file), f"cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise BadInput(str(file), f"is not JSON: {error}") from error
    if not isinstance(rules, dict):
        raise BadInput(str(file), "must hold an object with the rules by channel")
    ask("PUT", "/service-rules", body=rules)
    typer.echo(f"replaced: {', '.join(sorted(rules))}; every replica follows within a minute")
