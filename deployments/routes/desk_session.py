"""Who is at the desk: signing in and out, and what keeps an open desk up to date."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from agent.errors import NotFound
from agent.records import ConversationId
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import check_operator_key, read_json, require_operator
from deployments.web.services import services_of
from deployments.web.sessions import LIFETIME_S, SESSION_COOKIE, DeskSession, SignIn

router = APIRouter(prefix="/desk", tags=["desk"])

Session = Annotated[DeskSession | None, Depends(require_operator)]


class SignedIn(BaseModel):
    """Who is signed in until when. `csrf_token` belongs into `X-CSRF-Token` of requests that change something."""

    operator: str
    expires_at: str
    csrf_token: str


@router.post("/session", responses=error_responses(400, 401, 413, 415, 422, 429), openapi_extra=json_body(SignIn))
async def sign_in(request: Request, response: Response) -> SignedIn:
    """Exchange the operator key for a session of 12 hours, a cookie that no script can read."""
    body = await read_json(request, SignIn)
    check_operator_key(request, body.key.get_secret_value(), "this is not the operator key")
    sessions = services_of(request).sessions
    cookie = sessions.issue(body.name)
    session = sessions.read(cookie)
    assert session is not None, "just issued"
    response.set_cookie(
        SESSION_COOKIE, cookie, max_age=LIFETIME_S, httponly=True, samesite="strict", secure=_came_by_tls(request)
    )
    return _to_answer(session)


@router.get("/session", responses=error_responses(401, 404))
async def read_session(request: Request, session: Session) -> SignedIn:
    """Who is signed in here."""
    if session is None:
        raise NotFound("a request with the operator key has no session")
    return _to_answer(session)


@router.delete("/session", status_code=204, responses=error_responses(401, 403))
async def sign_out(request: Request, session: Session) -> Response:
    """End the session in this browser."""
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict", secure=_came_by_tls(request))
    return response


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `ready` (from now on nothing is missed) and `changed` ({conversations: [ids]}). "
            "The stream ends after less than a minute; resume it.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **error_responses(401, 422, 429),
    },
)
async def follow_desk(
    request: Request,
    session: Session,
    conversation: Annotated[UUID | None, Query(description="One more conversation, wherever it stands")] = None,
) -> Response:
    """Follow the desk: which conversations have something new, as server-sent events."""
    streams = services_of(request).desk_streams
    streams.check_room()
    return StreamingResponse(
        streams.stream(ConversationId(conversation) if conversation else None),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def _came_by_tls(request: Request) -> bool:
    """Whoever forges the header of a proxy only makes the own cookie stricter."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return scheme.partition(",")[0].strip().lower() == "https"


def _to_answer(session: DeskSession) -> SignedIn:
    return SignedIn(operator=session.operator, expires_at=session.expires_at.isoformat(), csrf_token=session.csrf_token)
