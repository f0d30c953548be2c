"""Customers who were found to be one, and what went to them by mail beside a conversation."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from agent.log_fields import log_extra
from agent.records import ConversationId, CustomerId, MergeId, OutboxKind, OutboxState
from crm.confirmations import Letter
from crm.merge import MergeView
from deployments.web.reference import error_responses
from deployments.web.requests import operator_name, require_operator
from deployments.web.services import IngressServices, services_of

router = APIRouter(
    tags=["desk"], dependencies=[Depends(require_operator)], responses=error_responses(401, 403, 422, 503)
)

_LOG = logging.getLogger(__name__)


class MergeList(BaseModel):
    """The latest first, at most 200."""

    merges: Sequence[MergeView]


class MergeUndone(BaseModel):
    """Which merge stands no longer."""

    merge_id: MergeId


class LetterView(BaseModel):
    """A mail beside a conversation. `confirmation` says what became of a request to confirm; its `link` is shown
    while e-mail is offline, where nobody else gets to see it."""

    kind: OutboxKind
    address: str
    state: OutboxState
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    confirmation: str | None
    link: str | None


class LetterList(BaseModel):
    """The latest first, at most 100."""

    letters: Sequence[LetterView]


@router.get("/customers/merges")
async def list_merges(
    request: Request, customer: Annotated[UUID | None, Query(description="Only those of this customer")] = None
) -> MergeList:
    """List which customers were merged, on which evidence, and which merges were undone."""
    merges = await services_of(request).merges.fetch(None if customer is None else CustomerId(customer))
    return MergeList(merges=merges)


@router.post("/customers/merges/{merge_id}/undo", responses=error_responses(404, 409))
async def undo_merge(request: Request, merge_id: UUID, operator: Annotated[str, Depends(operator_name)]) -> MergeUndone:
    """Take two customers apart again. Each keeps what came over its own identifiers, also since the merge."""
    services = services_of(request)
    await services.merges.undo(MergeId(merge_id), operator)
    _LOG.info("a person undid a merge", extra=log_extra(merge_id=MergeId(merge_id)))
    services.wake_dispatcher()
    services.wake_desks()
    return MergeUndone(merge_id=MergeId(merge_id))


@router.get("/conversations/{conversation_id}/letters")
async def list_letters(request: Request, conversation_id: UUID) -> LetterList:
    """List what went by mail beside a conversation: the request to confirm its address, copies of a form's answers."""
    services = services_of(request)
    letters = await services.confirmations.fetch_letters(ConversationId(conversation_id))
    return LetterList(letters=[_to_view(services, letter) for letter in letters])


def _to_view(services: IngressServices, letter: Letter) -> LetterView:
    link = None
    if services.mail_is_offline and letter.confirmation_id and letter.asked_at:
        link = services.confirmation_mails.link(letter.confirmation_id, letter.ticket_id, letter.asked_at)
    return LetterView(
        kind=letter.kind,
        address=letter.address,
        state=letter.state,
        error=letter.error,
        created_at=letter.created_at,
        finished_at=letter.finished_at,
        confirmation=letter.confirmation,
        link=link,
    )
