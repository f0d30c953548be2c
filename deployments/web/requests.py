"""Reading requests: bodies within a limit, and who asks."""

from __future__ import annotations

import hmac
import re
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from agent.errors import BadInput, FteError, NotAuthorized, PayloadTooLarge
from deployments.web.services import services_of
from deployments.web.sessions import CSRF_HEADER, SESSION_COOKIE, DeskSession

BODY_MAX_BYTES = 64 * 1024
_OPERATOR = re.compile(r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}$")

Body = TypeVar("Body", bound=BaseModel)


class UnsupportedMediaType(FteError):
    """The body is not declared to be JSON in UTF-8."""

    http_status = 415


class ForgeryRefused(FteError):
    """A request with a session's cookie that changes something, but not from the desk's own page."""

    http_status = 403


async def read_json(request: Request, model: type[Body]) -> Body:
    """The body as `model`. Raises pydantic's ValidationError, UnsupportedMediaType or PayloadTooLarge."""
    _check_content_type(request)
    return model.model_validate_json(await read_body(request))


async def read_optional_json(request: Request, model: type[Body]) -> Body:
    """As read_json, but no body at all counts as the empty object."""
    body = await read_body(request)
    if not body:
        return model.model_validate_json(b"{}")
    _check_content_type(request)
    return model.model_validate_json(body)


async def read_body(request: Request, max_bytes: int = BODY_MAX_BYTES) -> bytes:
    """The body, given up as soon as it is over the limit. Raises PayloadTooLarge."""
    too_large = PayloadTooLarge(f"the body must be at most {max_bytes} bytes")
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _check_content_type(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace('"', "").replace(" ", "")
    if media_type.strip() != "application/json" or charset not in ("", "charset=utf-8", "charset=utf8"):
        raise UnsupportedMediaType("the body must be sent as Content-Type: application/json, in UTF-8")


bearer_of_operator = HTTPBearer(
    auto_error=False, scheme_name="operator key", description="FTE_OPERATOR_KEY, or the key that `make up` prints"
)


session_of_desk = APIKeyCookie(
    name=SESSION_COOKIE,
    auto_error=False,
    scheme_name="desk session",
    description=f"Set by `POST /desk/session`; requests that change something need `{CSRF_HEADER}` beside it",
)
_HARMLESS = frozenset({"GET", "HEAD"})


def check_operator_key(request: Request, given: str, refusal: str, *, from_anywhere: bool = True) -> None:
    """Compare in constant time. Raises NotAuthorized with `refusal`, or TooManyGuesses.

    `from_anywhere`: senders whose address is not known are limited too, together.
    """
    services = services_of(request)
    sender = services.senders.identify(request)
    limited = from_anywhere or sender is not None
    if limited:
        services.guesses.check(sender)
    key = services.operator_key.get_secret_value()
    # An empty key would be everybody's.
    if key and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), key.encode()):
        return
    if limited and given:
        services.guesses.record(sender)
    raise NotAuthorized(refusal)


def require_operator(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_of_operator)],
    cookie: Annotated[str | None, Depends(session_of_desk)],
) -> DeskSession | None:
    """The desk's session, None for who sends the operator key.

    Raises NotAuthorized without either, TooManyGuesses, ForgeryRefused.
    """
    if cookie is not None and "authorization" not in request.headers:
        session = services_of(request).sessions.read(cookie)
        if session is None:
            raise NotAuthorized("the session has ended; sign in again")
        _check_origin(request, session)
        return session
    given = credentials.credentials if credentials else ""
    refusal = "the operator key is missing or wrong; send it as Authorization: Bearer KEY"
    check_operator_key(request, given, refusal, from_anywhere=False)
    return None


def _check_origin(request: Request, session: DeskSession) -> None:
    """The cookie is SameSite=Strict already; this also keeps out other origins of the same site, and old browsers."""
    if request.method in _HARMLESS:
        return
    given = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), session.csrf_token.encode()):
        raise ForgeryRefused(f"{CSRF_HEADER} is missing or wrong; reload the page")


def operator_name(
    session: Annotated[DeskSession | None, Depends(require_operator)],
    name: Annotated[
        str,
        Header(
            alias="X-Operator",
            description="Who acts, for those without a session: letters, digits, spaces and . _ @ + -",
        ),
    ] = "operator",
) -> str:
    """Who acts: the session's person, or whom the header names. Raises BadInput."""
    return session.operator if session is not None else parse_operator(name)


def parse_operator(name: str, field: str = "X-Operator") -> str:
    """Raises BadInput naming the field."""
    if not _OPERATOR.fullmatch(name):
        raise BadInput(field, "must be 1 to 64 letters, digits, spaces or . _ @ + -, without a leading sign")
    return name
