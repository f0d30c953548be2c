"""Which other sites' pages may load the form's element and speak for their visitors to the support endpoints."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

_PATHS = ("/support/", "/support-form.js", "/assets/")


class EmbeddingSites:
    """ASGI middleware: answers browsers' cross-origin questions for the form's paths; the desk's have no answer."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "X-File-Name"],
            expose_headers=["Retry-After"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        shared = scope["type"] == "http" and scope["path"].startswith(_PATHS)
        await (self._shared if shared else self._app)(scope, receive, send)
