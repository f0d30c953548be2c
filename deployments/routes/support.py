"""The web form's endpoints: submit, read, write on, and be told of replies."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from agent.errors import NotFound
from agent.log_fields import add_log_fields
from agent.records import (
    Accepted,
    Category,
    Channel,
    Direction,
    MessageId,
    Priority,
    Screening,
    TicketId,
    TicketStatus,
)
from agent.service.hours import utc_now
from agent.service.rules import ServiceRules
from channels.web_form.screening import suspicions_of
from channels.web_form.submission import (
    FollowUp,
    FormRequest,
    parse_idempotency_key,
    to_follow_up,
    to_inbound,
)
from crm.views import TicketHead
from deployments.web.ack_log import log_accepted
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import read_json
from deployments.web.services import IngressServices, services_of

router = APIRouter(prefix="/support", tags=["support"])

_TICKET_ID = re.compile(r"^TF-[0-9]{8}-[0-9]{4,12}$")
_UNITS = ((24 * 60, "day"), (60, "hour"), (1, "minute"))

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "Chosen by the sender, new for each message: a repetition of the request gets the same "
    "answer and stores nothing. Without one every request counts as another message.",
}

bearer_of_customer = HTTPBearer(
    auto_error=False, scheme_name="access token", description="The `access_token` that submitting answered"
)


class SubmitAnswer(BaseModel):
    """What became of a submission. `access_token` opens the ticket and is shown here only."""

    ticket_id: TicketId
    access_token: str
    status: TicketStatus
    estimated_response_time: str
    message: str


class TicketMessage(BaseModel):
    direction: Direction
    body: str
    created_at: datetime


class SurveyQuestion(BaseModel):
    """Whether a resolved request is solved; `solved` is null until the customer says."""

    solved: bool | None


class TicketAnswer(BaseModel):
    """A ticket as its customer sees it: own messages, and replies that were delivered, oldest first. `expected_by` is
    when a person should have answered, null when it is with none; `survey` is null where there is nothing to ask."""

    ticket_id: TicketId
    status: TicketStatus
    category: Category
    priority: Priority
    created_at: datetime
    messages: Sequence[TicketMessage]
    expected_by: datetime | None
    survey: SurveyQuestion | None


async def open_ticket(
    request: Request,
    ticket_id: str,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_of_customer)],
    token: Annotated[str, Query(description="The access token, where a header cannot be sent")] = "",
) -> TicketHead:
    """Raises NotFound for an unknown ticket and for a wrong token alike."""
    services = services_of(request)
    given = credentials.credentials if credentials else token
    unknown = NotFound("no such ticket, or the access token does not open it")
    if not given or not _TICKET_ID.fullmatch(ticket_id):
        raise unknown
    try:
        head = await services.tickets.fetch_ticket(ticket_id)
    except NotFound as error:
        raise unknown from error
    if not services.tokens.opens(given, head.ticket_id, head.conversation_id):
        raise unknown
    add_log_fields(conversation_id=head.conversation_id, ticket_id=head.ticket_id)
    return head


OpenTicket = Annotated[TicketHead, Depends(open_ticket)]


@router.post(
    "/submit",
    status_code=201,
    response_model=SubmitAnswer,
    responses=error_responses(400, 409, 413, 415, 422, 503),
    openapi_extra=json_body(FormRequest, parameters=[_IDEMPOTENCY_KEY]),
)
async def submit(request: Request) -> Response:
    """Send a support request. It is stored when this answers, also one that then waits in quarantine."""
    began = time.perf_counter()
    services = services_of(request)
    submission = await read_json(request, FormRequest)
    key = parse_idempotency_key(request.headers.get("idempotency-key"))
    screening = Screening(
        suspicions=suspicions_of(submission),
        per_recipient=services.form_limits.per_recipient,
        per_sender=services.form_limits.per_sender,
        sender=services.senders.identify(request),
    )
    accepted = await services.inbox.accept(replace(to_inbound(submission, key), screening=screening))
    services.wake_dispatcher()
    # The ticket is open when it is made; a repetition answers the same, whatever became of it since.
    answer = _to_answer(services, accepted, TicketStatus.OPEN, accepted.expected_response_minutes)
    return _measured(services, accepted, Channel.WEB_FORM, began, answer)


@router.post(
    "/ticket/{ticket_id}/messages",
    status_code=201,
    response_model=SubmitAnswer,
    responses=error_responses(400, 404, 409, 413, 415, 422, 503),
    openapi_extra=json_body(FollowUp, parameters=[_IDEMPOTENCY_KEY]),
)
async def write_on(request: Request, head: OpenTicket) -> Response:
    """Write on. Long after its end a conversation is followed by a new one, under the ticket in the answer."""
    began = time.perf_counter()
    services = services_of(request)
    follow_up = await read_json(request, FollowUp)
    key = parse_idempotency_key(request.headers.get("idempotency-key"))
    message = to_follow_up(follow_up, key, channel=head.channel, thread_key=head.thread_key, identity=head.identity)
    rules = await services.remembered_rules.of(head.channel)
    accepted = await services.inbox.accept(message)
    services.wake_dispatcher()
    minutes = accepted.expected_response_minutes
    if accepted.ticket_status is TicketStatus.ESCALATED:
        minutes = person_minutes(rules, head)
    answer = _to_answer(services, accepted, accepted.ticket_status, minutes)
    return _measured(services, accepted, head.channel, began, answer)


@router.get("/ticket/{ticket_id}", response_model=TicketAnswer, responses=error_responses(404, 503))
async def read_ticket(request: Request, head: OpenTicket) -> Response:
    """Read a ticket and its conversation."""
    services = services_of(request)
    shown = await services.tickets.fetch_shown_messages(head.conversation_id)
    asked = None
    if head.status is TicketStatus.RESOLVED:
        asked = await services.surveys.fetch(head.conversation_id)
    answer = TicketAnswer(
        ticket_id=head.ticket_id,
        status=head.status,
        category=head.category,
        priority=head.priority,
        created_at=head.created_at,
        messages=[
            TicketMessage(direction=each.direction, body=each.body, created_at=each.created_at) for each in shown
        ],
        expected_by=await _expected_by(services, head),
        survey=SurveyQuestion(solved=asked.solved) if asked else None,
    )
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get(
    "/ticket/{ticket_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `reply` ({direction, body, created_at}) and `status` ({status}). The stream "
            "ends after less than a minute; resume it with the last id.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **error_responses(404, 429, 503),
    },
)
async def follow_ticket(
    request: Request,
    head: OpenTicket,
    last_event_id: Annotated[str, Header(description="The id of the last event received")] = "",
) -> Response:
    """Follow a ticket: delivered replies as server-sent events."""
    streams = services_of(request).streams
    streams.check_room()
    return StreamingResponse(
        streams.stream(head, _parse_event_id(last_event_id)),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


def _parse_event_id(text: str) -> MessageId | None:
    try:
        return MessageId(UUID(text))
    except ValueError:
        return None


async def _expected_by(services: IngressServices, head: TicketHead) -> datetime | None:
    if head.status is not TicketStatus.ESCALATED:
        return None
    since = await services.tickets.fetch_handed_over_at(head.conversation_id)
    if since is None:
        return None
    return (await services.remembered_rules.of(head.channel)).person_answers_at(since, head.plan, head.priority)


def person_minutes(rules: ServiceRules, head: TicketHead) -> int:
    """How long from now until a person should have answered, nights and days off included."""
    now = utc_now()
    return math.ceil((rules.person_answers_at(now, head.plan, head.priority) - now).total_seconds() / 60)


def _to_answer(services: IngressServices, accepted: Accepted, status: TicketStatus, minutes: int) -> Response:
    expected = to_words(minutes)
    answer = SubmitAnswer(
        ticket_id=accepted.ticket_id,
        access_token=services.tokens.issue(accepted.ticket_id, accepted.conversation_id),
        status=status,
        estimated_response_time=expected,
        message=f"We have received your request {accepted.ticket_id}. Expect an answer within {expected}.",
    )
    return Response(answer.model_dump_json(), 201, media_type="application/json")


def _measured(
    services: IngressServices, accepted: Accepted, channel: Channel, began: float, answer: Response
) -> Response:
    ms = (time.perf_counter() - began) * 1000
    services.acks.record(channel, ms)
    log_accepted(accepted, channel, ms)
    return answer


def to_words(minutes: int) -> str:
    """A length of time in the largest unit that it fills, rounded up."""
    size, unit = next(each for each in _UNITS if minutes >= each[0] or each[0] == 1)
    count = max(1, -(-minutes // size))
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
