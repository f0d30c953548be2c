"""The link that confirms an address: a page that only asks, and the answer that its buttons send."""

from __future__ import annotations

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import Conflict, NotFound
from agent.log_fields import log_extra
from agent.records import TicketId
from agent.service.hours import utc_now
from channels.web_form.confirmation_page import render_confirmation_pages
from crm.confirmations import Answer
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import read_json
from deployments.web.services import services_of
from deployments.web.static_files import StaticFile, answer_page

_LOG = logging.getLogger(__name__)
_REFUSALS = {
    Answer.CONFIRMED: "the address was confirmed before; a person at support can take that back",
    Answer.DECLINED: "it was said before that somebody else wrote; send a new request instead",
    Answer.REVOKED: "support has taken this back; send a new request instead",
}


class ConfirmReply(BaseModel):
    """What the owner of an address says: whether the request was theirs."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    token: Annotated[str, Field(min_length=1, max_length=200)]
    mine: bool


class ConfirmAnswer(BaseModel):
    """What was kept. `access_token` opens the request for the owner of a confirmed address; null for one who did not
    write it."""

    ticket_id: TicketId
    status: Literal["confirmed", "declined"]
    access_token: str | None


def build_router() -> APIRouter:
    """The page is rendered once, here; its files are among those of routes/pages."""
    router = APIRouter(tags=["support"])
    pages = {name: StaticFile.of(each.content, each.media_type) for name, each in render_confirmation_pages().items()}

    @router.head("/support/confirm", include_in_schema=False)
    @router.get("/support/confirm", response_class=HTMLResponse)
    async def ask(request: Request, lang: str = "") -> Response:
        """The page behind the link of a confirmation mail. It confirms nothing: programs open links before people."""
        return answer_page(request, pages, lang)

    @router.post(
        "/support/confirm",
        responses=error_responses(400, 404, 409, 413, 415, 422, 503),
        openapi_extra=json_body(ConfirmReply),
    )
    async def answer(request: Request) -> ConfirmAnswer:
        """Say whether the request that names this address was one's own. The same answer again changes nothing."""
        return await _keep(request)

    return router


async def _keep(request: Request) -> ConfirmAnswer:
    services = services_of(request)
    reply = await read_json(request, ConfirmReply)
    confirmation_id = services.confirmation_tokens.read(reply.token, utc_now())
    kept = services.confirmations.confirm if reply.mine else services.confirmations.decline
    status = await kept(confirmation_id)
    asked = await services.confirmations.fetch(confirmation_id)
    if asked is None or status is Answer.UNKNOWN:
        raise NotFound("this link is not valid, or has expired")
    if status in _REFUSALS and status is not (Answer.CONFIRMED if reply.mine else Answer.DECLINED):
        raise Conflict(_REFUSALS[status])
    about = log_extra(conversation_id=asked.conversation_id, ticket_id=asked.ticket_id)
    _LOG.info("an address was %s", "confirmed" if reply.mine else "declined by its owner", extra=about)
    if not reply.mine:
        return ConfirmAnswer(ticket_id=asked.ticket_id, status="declined", access_token=None)
    # A turn of the customer that was running has lost its place, and what was held for the address may leave.
    services.wake_dispatcher()
    services.wake_courier()
    access = services.tokens.issue(asked.ticket_id, asked.conversation_id)
    return ConfirmAnswer(ticket_id=asked.ticket_id, status="confirmed", access_token=access)
