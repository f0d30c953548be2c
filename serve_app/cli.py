"""The `fte` command. Commands import what they need when they run, so that `fte --help` is quick."""

from __future__ import annotations

import importlib
import sys

import typer

from agent.errors import FteError

_COMMANDS = (
    *("up", "down", "status", "say", "channels", "migrate"),
    *("escalations", "quarantine", "customers", "service-rules", "kb", "eval", "thresholds", "seed"),
    *("inspect-email", "mcp"),
)

app = typer.Typer(
    name="fte", help="A customer-success employee that works around the clock.", no_args_is_help=True,
    add_completion=False, pretty_exceptions_enable=False,
)  # fmt: skip

for _name in _COMMANDS:
    importlib.import_module(f"serve_app.commands.{_name.replace('-', '_')}").register(app)


def main() -> None:
    """Run a command; an error that somebody can act on is one sentence and exit status 1."""
    try:
        app()
    except FteError as error:
        sys.stderr.write(f"fte: {error}\n")
        sys.exit(1)
