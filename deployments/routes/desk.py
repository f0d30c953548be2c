"""The desk: what a support team member lists, takes over, answers, gives back and ends; and who a customer is."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from agent.errors import BadInput, NotFound
from agent.log_fields import log_extra
from agent.records import Category, ConversationId, CustomerId, EscalationStatus, IdentifierKind, Plan, Priority, Team
from channels.addresses import parse_email, parse_phone
from channels.texts import MessageText, NoteText
from channels.web_form.submission import parse_idempotency_key
from crm.customer_views import CustomerLookup
from crm.desk_views import ConversationStanding, ConversationView
from crm.escalations import EscalationLine
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import operator_name, read_json, read_optional_json, require_operator
from deployments.web.services import IngressServices, services_of

router = APIRouter(
    tags=["desk"], dependencies=[Depends(require_operator)], responses=error_responses(401, 403, 422, 503)
)

_LOG = logging.getLogger(__name__)
_TICKET_ID = re.compile(r"^TF-[0-9]{8}-[0-9]{4,12}$")

Operator = Annotated[str, Depends(operator_name)]


class DeskReply(BaseModel):
    """A person's answer to the customer."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    message: MessageText


class DeskNote(BaseModel):
    """What whoever reads the escalation later should know."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    note: NoteText = ""


class DeskTake(BaseModel):
    """`instead_of` names the person from whom a conversation is taken on purpose."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    instead_of: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class DeskTriage(BaseModel):
    """What a person assigns; what is left out stays as it is."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    category: Category | None = None
    priority: Priority | None = None


class CustomerPlan(BaseModel):
    """What a customer has of the product."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    plan: Plan


class EscalationList(BaseModel):
    """Live ones first, of these what could not be delivered, then who waits before who was answered, the gravest and
    those due soonest first; then closed ones, the latest first."""

    escalations: Sequence[EscalationLine]


@router.get("/escalations")
async def list_escalations(
    request: Request,
    status: Annotated[
        list[EscalationStatus], Query(default_factory=list, description="May be repeated; none means all")
    ],
    team: Team | None = None,
) -> EscalationList:
    """List escalations, of one team and in some statuses if given; at most 500."""
    return EscalationList(escalations=await services_of(request).escalations.fetch(team, status))


@router.get("/tickets/{ticket_id}", responses=error_responses(404))
async def find_ticket(request: Request, ticket_id: str) -> ConversationStanding:
    """Find the conversation of a ticket, and who has it."""
    if not _TICKET_ID.fullmatch(ticket_id):
        raise NotFound("no such ticket")
    return await services_of(request).desk_views.fetch_conversation_of_ticket(ticket_id)


@router.get("/conversations/{conversation_id}", responses=error_responses(404))
async def read_conversation(request: Request, conversation_id: UUID) -> ConversationView:
    """Read a conversation: messages with sentiment and delivery, outcomes with their steps, escalations."""
    return await services_of(request).desk_views.fetch_conversation(ConversationId(conversation_id))


@router.post(
    "/conversations/{conversation_id}/take",
    responses=error_responses(400, 404, 409, 413, 415),
    openapi_extra=json_body(DeskTake, required=False),
)
async def take(request: Request, conversation_id: UUID, operator: Operator) -> ConversationStanding:
    """Take a conversation over: the FTE is silent in it, and what it has not sent is cancelled."""
    services = services_of(request)
    body = await read_optional_json(request, DeskTake)
    await services.desk.take(ConversationId(conversation_id), operator, body.instead_of)
    return await tell_standing(services, conversation_id, "took over")


@router.post(
    "/conversations/{conversation_id}/reply",
    responses=error_responses(400, 404, 409, 413, 415),
    openapi_extra=json_body(DeskReply),
)
async def reply(
    request: Request,
    conversation_id: UUID,
    operator: Operator,
    idempotency_key: Annotated[
        str | None, Header(description="A repetition with the same key sends nothing again")
    ] = None,
) -> ConversationStanding:
    """Answer through the customer's channel, taking the conversation over where nobody has it."""
    services = services_of(request)
    body = await read_json(request, DeskReply)
    key = None if idempotency_key is None else parse_idempotency_key(idempotency_key)
    await services.desk.reply(ConversationId(conversation_id), operator, body.message, key)
    services.wake_courier()
    return await tell_standing(services, conversation_id, "replied")


@router.post(
    "/conversations/{conversation_id}/hand-back",
    responses=error_responses(400, 404, 409, 413, 415),
    openapi_extra=json_body(DeskNote, required=False),
)
async def hand_back(request: Request, conversation_id: UUID, operator: Operator) -> ConversationStanding:
    """Give a conversation back to the FTE; its sentiment and gap counters start anew."""
    services = services_of(request)
    body = await read_optional_json(request, DeskNote)
    await services.desk.hand_back(ConversationId(conversation_id), operator, body.note)
    services.wake_dispatcher()
    return await tell_standing(services, conversation_id, "handed back")


@router.post(
    "/conversations/{conversation_id}/resolve",
    responses=error_responses(400, 404, 409, 413, 415),
    openapi_extra=json_body(DeskNote, required=False),
)
async def resolve(request: Request, conversation_id: UUID, operator: Operator) -> ConversationStanding:
    """End a conversation; a new message of its customer within 72 hours reopens it."""
    services = services_of(request)
    body = await read_optional_json(request, DeskNote)
    await services.desk.resolve(ConversationId(conversation_id), operator, body.note)
    return await tell_standing(services, conversation_id, "resolved")


@router.post(
    "/conversations/{conversation_id}/triage",
    responses=error_responses(400, 404, 413, 415),
    openapi_extra=json_body(DeskTriage),
)
async def triage(request: Request, conversation_id: UUID, operator: Operator) -> ConversationStanding:
    """Assign a ticket's category, its priority or both. What a person assigned, the FTE leaves as it is."""
    services = services_of(request)
    body = await read_json(request, DeskTriage)
    if body.category is None and body.priority is None:
        raise BadInput("category", "give a category, a priority or both")
    await services.desk.triage(ConversationId(conversation_id), operator, body.category, body.priority)
    return await tell_standing(services, conversation_id, "triaged")


@router.get("/customers/lookup", responses=error_responses(404))
async def look_up_customer(
    request: Request,
    email: Annotated[str | None, Query(max_length=320)] = None,
    phone: Annotated[str | None, Query(max_length=40)] = None,
) -> CustomerLookup:
    """Who proved an address, and apart from that who only claimed it in a form. Give one of the two."""
    match email, phone:
        case str(), None:
            kind, value = IdentifierKind.EMAIL, parse_email(email)
        case None, str():
            # In a query string a plus sign that was not escaped means a space.
            kind, value = IdentifierKind.PHONE, parse_phone("+" + phone[1:] if phone[:1] == " " else phone)
        case _:
            raise BadInput("email", "give either email or phone, and not both")
    return await services_of(request).customer_views.fetch_customers(kind, value)


@router.post(
    "/customers/{customer_id}/plan",
    responses=error_responses(400, 404, 413, 415),
    openapi_extra=json_body(CustomerPlan),
)
async def assign_plan(request: Request, customer_id: UUID) -> CustomerPlan:
    """Say what a customer has of the product; how soon people answer depends on it."""
    body = await read_json(request, CustomerPlan)
    await services_of(request).desk.assign_plan(CustomerId(customer_id), body.plan)
    return body


async def tell_standing(services: IngressServices, conversation_id: UUID, what: str) -> ConversationStanding:
    """Tell the log and the other desks, and answer who has the conversation now."""
    _LOG.info("a person %s", what, extra=log_extra(conversation_id=ConversationId(conversation_id)))
    services.wake_desks()
    return await services.desk_views.fetch_standing(ConversationId(conversation_id))
