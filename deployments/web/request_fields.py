"""Which request a log line belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import uuid4

from starlette.types import ASGIApp, Receive, Scope, Send

from agent.log_fields import log_fields

_HEADER = b"x-request-id"
# What Serve and load balancers make: a UUID, with dashes or without, or a trace of Amazon's. Anything else is a
# stranger's text, which gets into no log.
_REQUEST_ID = re.compile(
    rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|Root=1-[0-9a-f]{8}-[0-9a-f]{24}", re.IGNORECASE
)


class RequestFields:
    """ASGI middleware: everything that is logged for a request carries its id, Serve's `X-Request-ID`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with log_fields(request_id=_request_id(scope)):
            await self._app(scope, receive, send)


def _request_id(scope: Mapping[str, list[tuple[bytes, bytes]]]) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER and _REQUEST_ID.fullmatch(value):
            return value.decode("ascii")
    return str(uuid4())
