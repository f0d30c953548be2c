"""`fte mcp`: the desk's tools for desktop assistants and other agents, over the Model Context Protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from agent.errors import BadInput, NotAuthorized
from agent.hosts import is_loopback

DEFAULT_PORT = 8010


def register(app: typer.Typer) -> None:
    app.command()(mcp)


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP instead of stdin and stdout.")] = False,
    host: Annotated[str, typer.Option(help="Where --http listens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where --http listens.")] = DEFAULT_PORT,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host name under which --http is reached beside this machine's own.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="A site whose pages may call --http, as https://assistant.example.com.")
    ] = None,
    operator: Annotated[
        str, typer.Option(help="In whose name stdio acts; over HTTP the header X-Operator says it.")
    ] = "assistant",
) -> None:
    """Serve the six tools and read-only resources of the running system to other assistants.

    Tools that write only say what they would do, until they are called with dry_run=false.
    """
    from deployments.logs import configure_logging
    from deployments.web.requests import parse_operator
    from serve_app.mcp.running import PATH, run_http, run_stdio
    from serve_app.settings import load_settings

    settings = load_settings()
    parse_operator(operator, "--operator")
    hosts = allow_host or []
    if not is_loopback(host) and not hosts:
        raise BadInput("--host", f"{host} is open to others; name the host that they call with --allow-host")
    if "operator_key" not in settings.model_fields_set:
        raise NotAuthorized("there is no operator key; start the system with `fte up`, or set FTE_OPERATOR_KEY")
    # Before anything is served: the system must run, and take this key.
    _ask_channels()
    configure_logging(settings.log_level, settings.log_format)
    if not http:
        asyncio.run(run_stdio(settings, operator, _ask_channels))
        return

    def tell() -> None:
        typer.echo(f"serving at http://{host}:{port}{PATH} with the operator key as bearer token", err=True)

    asyncio.run(
        run_http(settings, host, port, _ask_channels, hosts=hosts, origins=allow_origin or [], on_listening=tell)
    )


def _ask_channels() -> Sequence[Mapping[str, Any]]:
    """Raises DependencyAway when the system does not answer, NotAuthorized when it does not take the key."""
    from serve_app.commands.operator_door import ask

    channels: Sequence[Mapping[str, Any]] = ask("GET", "/channels")["channels"]
    return channels
