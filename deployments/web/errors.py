"""Every error as `{"detail": ...}`: a sentence, or for bad input a list of `{"field", "problem"}`."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import BadInput, FteError, NotAuthorized, SignatureInvalid
from agent.log_fields import LogFields, log_extra
from deployments.web.refusals import Refusals

_LOG = logging.getLogger(__name__)
_FIELD_MAX = 64
_PROBLEMS_MAX = 20

# What pydantic says of these is longer than needed or repeats the input.
_PROBLEMS = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
    "string_type": "must be a string",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must be an e-mail address like name@example.com",
    "model_type": "must be a JSON object",
    "model_attributes_type": "must be a JSON object",
    "uuid_parsing": "must be a UUID",
    "uuid_type": "must be a UUID",
}


def add_error_handlers(app: FastAPI) -> None:
    app.state.refusals = Refusals()
    app.add_exception_handler(FteError, _on_fte_error)
    app.add_exception_handler(ValidationError, _on_invalid_body)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


def problem_response(status: int, problems: Sequence[Mapping[str, str]]) -> JSONResponse:
    return JSONResponse({"detail": list(problems)}, status)


async def _on_fte_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FteError), "registered for it"
    if isinstance(error, BadInput):
        return problem_response(error.http_status, [{"field": error.field, "problem": error.problem}])
    headers = {}
    if error.retryable:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, NotAuthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, SignatureInvalid):
        request.app.state.refusals.tell(_route_of(request.scope), str(error))
    if error.http_status >= 500:
        _LOG.warning("%s: %s", type(error).__name__, error, extra=_about(request.scope, error.http_status))
    return JSONResponse({"detail": str(error)}, error.http_status, headers)


async def _on_invalid_body(request: Request, error: Exception) -> JSONResponse:
    """A body that is no JSON is malformed (400); one that is, but not what was asked for, is 422."""
    assert isinstance(error, ValidationError), "registered for it"
    problems = error.errors(include_url=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        reason = problems[0]["ctx"]["error"] if "ctx" in problems[0] else "it cannot be read"
        return JSONResponse({"detail": f"the body is not JSON in UTF-8: {reason}"}, 400)
    return problem_response(422, [_to_problem(problem) for problem in problems[:_PROBLEMS_MAX]])


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError), "registered for it"
    return problem_response(422, [_to_problem(problem) for problem in error.errors()[:_PROBLEMS_MAX]])


def _to_problem(error: Mapping[str, Any]) -> dict[str, str]:
    # A query parameter that is repeated has one name for all its values.
    given = error["loc"][:2] if error["loc"][:1] == ("query",) else error["loc"]
    location = [part for part in given if part not in ("body", "query", "path", "header")]
    field = ".".join(str(part) for part in location) or "body"
    context = error.get("ctx", {})
    match error["type"]:
        case "string_too_long":
            problem = f"must have at most {context['max_length']} characters"
        case "enum":
            problem = f"must be {context['expected']}"
        case "value_error":
            problem = str(context["error"])
        case kind:
            problem = _PROBLEMS.get(kind, error["msg"])
    return {"field": field[:_FIELD_MAX], "problem": problem}


def _about(scope: Scope, status: int) -> dict[str, LogFields]:
    return log_extra(route=_route_of(scope), status=status)


def _route_of(scope: Scope) -> str:
    """As it is declared: the path itself may hold what must not be logged."""
    return f"{scope['method']} {getattr(scope.get('route'), 'path', 'an unknown path')}"


class UnexpectedErrors:
    """ASGI middleware: what nobody foresaw is a 500, logged where it happened but without its message, which
    can quote what a customer wrote."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except Exception as error:
            frames = "".join(traceback.format_tb(error.__traceback__))
            _LOG.error("%s in %s\n%s", type(error).__name__, _route_of(scope), frames, extra=_about(scope, 500))
            if not started:
                await JSONResponse({"detail": "something went wrong on our side"}, 500)(scope, receive, send)
