"""Quarantine: the form's requests that look like spam, until a person says what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from agent.records import ConversationId
from crm.desk_views import ConversationStanding
from crm.quarantine import Quarantined
from deployments.routes.desk import tell_standing
from deployments.web.reference import error_responses
from deployments.web.requests import operator_name, require_operator
from deployments.web.services import services_of

router = APIRouter(
    prefix="/quarantine",
    tags=["desk"],
    dependencies=[Depends(require_operator)],
    responses=error_responses(401, 422, 503),
)

Operator = Annotated[str, Depends(operator_name)]


class QuarantineList(BaseModel):
    """The longest wait first, at most 200."""

    quarantined: Sequence[Quarantined]


@router.get("")
async def list_quarantined(request: Request) -> QuarantineList:
    """List what waits for a person's word, with what was written."""
    return QuarantineList(quarantined=await services_of(request).quarantine.fetch_waiting())


@router.post("/{conversation_id}/release", responses=error_responses(404, 409))
async def release(request: Request, conversation_id: UUID, operator: Operator) -> ConversationStanding:
    """Let the FTE handle it, as if it had just arrived."""
    services = services_of(request)
    await services.quarantine.release(ConversationId(conversation_id), operator)
    services.wake_dispatcher()
    return await tell_standing(services, conversation_id, "released it from quarantine")


@router.post("/{conversation_id}/discard", responses=error_responses(404, 409))
async def discard(request: Request, conversation_id: UUID, operator: Operator) -> ConversationStanding:
    """End it as spam: it stays stored, is closed, and is not answered."""
    services = services_of(request)
    await services.quarantine.discard(ConversationId(conversation_id), operator)
    return await tell_standing(services, conversation_id, "discarded it as spam")
