"""The two transports: stdio for one assistant on this machine, streamable HTTP for several."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from mcp.server.mcpserver import MCPServer
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from agent.errors import BadInput
from agent.mcp.server import Caller, OperatorOf, make_server
from agent.mcp.tools import SupportTools
from agent.policy.rules import read_rules
from agent.reply.brand import Brand
from crm.database import Database
from deployments.web.key_guesses import KeyGuesses
from deployments.web.requests import parse_operator
from models.tokens import load_token_counter
from serve_app.mcp.door import DEFAULT_OPERATOR, OPERATOR_HEADER, KeyDoor, known_callers
from serve_app.mcp.system import AskChannels, RunningSystem
from serve_app.settings import Settings

PATH = "/mcp"
_METHODS = ("GET", "POST", "DELETE")


@asynccontextmanager
async def open_server(
    settings: Settings, operator_of: OperatorOf, ask_channels: AskChannels
) -> AsyncIterator[MCPServer[Any]]:
    """The server over the configured database. Raises ConfigurationInvalid for broken rules or brand voice."""
    rules = await asyncio.to_thread(read_rules, settings.knowledge_dir / "escalation_rules.yaml")
    brand = Brand.load(settings.knowledge_dir / "brand_voice.md")
    count_tokens = await asyncio.to_thread(load_token_counter, settings.embedding_model)
    database = Database(settings.dsn(), settings.times, "fte-mcp")
    try:
        system = RunningSystem(settings, database, rules, ask_channels)
        tools = SupportTools(system, rules, brand, count_tokens)
        yield make_server(tools, system, brand, operator_of, version("customer-success-digital-fte"))
    finally:
        await database.close()


async def run_stdio(settings: Settings, operator: str, ask_channels: AskChannels) -> None:
    """Serve the one client on stdin and stdout until it goes. Stdout then carries nothing but the protocol."""
    async with open_server(settings, lambda _: operator, ask_channels) as server:
        await server.run_stdio_async()


@asynccontextmanager
async def open_http_app(
    settings: Settings, ask_channels: AskChannels, hosts: Sequence[str] = (), origins: Sequence[str] = ()
) -> AsyncIterator[ASGIApp]:
    """The ASGI application behind its door. `hosts` and `origins` are known beside this machine's own."""
    async with open_server(settings, _operator_of_headers, ask_channels) as server:
        callers = known_callers(hosts, origins)
        # Without sessions nothing is kept between two requests: any process answers any of them.
        app = server.streamable_http_app(
            streamable_http_path=PATH, stateless_http=True, json_response=True, transport_security=callers
        )
        door = KeyDoor(app, settings.operator_key, callers, KeyGuesses())
        # A page of another site asks its browser's leave first, by a request without the key.
        yield CORSMiddleware(door, origins, allow_methods=_METHODS, allow_headers=["*"]) if origins else door


async def run_http(
    settings: Settings,
    host: str,
    port: int,
    ask_channels: AskChannels,
    *,
    hosts: Sequence[str],
    origins: Sequence[str],
    on_listening: Callable[[], None],
) -> None:
    """Serve until a signal ends it. Raises BadInput for an address that cannot be listened on."""
    import uvicorn

    async with open_http_app(settings, ask_channels, hosts, origins) as app:
        with _listen(host, port) as listener:
            on_listening()
            config = uvicorn.Config(app, log_config=None, ws="none", access_log=False, lifespan="on")
            await uvicorn.Server(config).serve(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise BadInput("--port", f"{host}:{port} cannot be listened on: {error.strerror}") from error


def _operator_of_headers(caller: Caller) -> str:
    return parse_operator((caller.headers or {}).get(OPERATOR_HEADER, DEFAULT_OPERATOR))
