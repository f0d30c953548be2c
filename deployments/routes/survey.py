"""One question to the customer of a resolved request: is it solved?"""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from agent.records import TicketId, TicketStatus
from channels.texts import CommentText
from deployments.routes.support import OpenTicket, person_minutes, to_words
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import read_json
from deployments.web.services import services_of

router = APIRouter(prefix="/support", tags=["support"])


class SurveyReply(BaseModel):
    """Whether it is solved; a comment goes to the person who looks into it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    solved: bool
    comment: CommentText = ""


class SurveyAnswer(BaseModel):
    """What was kept. After a no the ticket is with a person, who should answer within `estimated_response_time`."""

    ticket_id: TicketId
    status: TicketStatus
    solved: bool
    estimated_response_time: str | None


@router.post(
    "/ticket/{ticket_id}/survey",
    responses=error_responses(400, 404, 409, 413, 415, 422, 503),
    openapi_extra=json_body(SurveyReply),
)
async def answer_survey(request: Request, head: OpenTicket) -> SurveyAnswer:
    """Say whether a resolved request is solved. A no brings a person; a yes may become a no while it is resolved."""
    services = services_of(request)
    reply = await read_json(request, SurveyReply)
    rules = await services.remembered_rules.of(head.channel)
    await services.surveys.answer(head.conversation_id, solved=reply.solved, comment=reply.comment)
    if reply.solved:
        return SurveyAnswer(
            ticket_id=head.ticket_id, status=TicketStatus.RESOLVED, solved=True, estimated_response_time=None
        )
    services.wake_desks()
    return SurveyAnswer(
        ticket_id=head.ticket_id,
        status=TicketStatus.ESCALATED,
        solved=False,
        estimated_response_time=to_words(person_minutes(rules, head)),
    )
