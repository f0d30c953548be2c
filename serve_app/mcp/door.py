"""Who may speak to the MCP server over HTTP: callers on a known host, from a known origin, with the operator key."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Sequence

from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.errors import FteError, NotAuthorized
from deployments.web.key_guesses import KeyGuesses
from deployments.web.requests import parse_operator

OPERATOR_HEADER = "x-operator"
DEFAULT_OPERATOR = "assistant"
_LOG = logging.getLogger(__name__)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def known_callers(hosts: Sequence[str], origins: Sequence[str]) -> TransportSecuritySettings:
    """Which Host and Origin headers are let in: those of this machine, and those that are named.

    A page of any site can be made to resolve to 127.0.0.1 (DNS rebinding); its requests carry that site's names.
    """
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[f"{host}{port}" for host in (*_LOOPBACK, *hosts) for port in ("", ":*")],
        allowed_origins=[*(f"http://{host}{port}" for host in _LOOPBACK for port in ("", ":*")), *origins],
    )


class KeyDoor:
    """ASGI middleware. Host and Origin come first, so that no page can use up the guesses of who works here."""

    def __init__(
        self, app: ASGIApp, operator_key: SecretStr, callers: TransportSecuritySettings, guesses: KeyGuesses
    ) -> None:
        self._app = app
        self._key = operator_key.get_secret_value().encode()
        self._callers = TransportSecurityMiddleware(callers)
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        refusal = await self._callers.validate_request(request) or self._refuse(request)
        await (refusal or self._app)(scope, receive, send)

    def _refuse(self, request: Request) -> Response | None:
        try:
            self._check_key(request)
            parse_operator(request.headers.get(OPERATOR_HEADER, DEFAULT_OPERATOR))
        except FteError as error:
            _LOG.info("a caller was refused: %s", type(error).__name__)
            headers = {"Retry-After": str(error.retry_after_s)} if error.retryable else {}
            if isinstance(error, NotAuthorized):
                headers["WWW-Authenticate"] = "Bearer"
            return JSONResponse({"detail": str(error)}, error.http_status, headers)
        return None

    def _check_key(self, request: Request) -> None:
        """Raises NotAuthorized, or TooManyGuesses; then not even the right key is looked at."""
        sender = request.client.host.encode() if request.client else None
        self._guesses.check(sender)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        given = given.strip()
        # An empty key would be everybody's.
        if self._key and scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), self._key):
            return
        if given:
            self._guesses.record(sender)
        raise NotAuthorized("the operator key is missing or wrong; send it as Authorization: Bearer KEY")
