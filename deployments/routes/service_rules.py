"""The service rules of the channels: read and replaced by operators, checked as a whole before anything is stored."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from agent.service.rules import ChannelRules
from deployments.web.reference import error_responses, json_body
from deployments.web.requests import operator_name, read_json, require_operator
from deployments.web.services import IngressServices, services_of

router = APIRouter(
    prefix="/service-rules",
    tags=["operations"],
    dependencies=[Depends(require_operator)],
    responses=error_responses(401, 503),
)

Operator = Annotated[str, Depends(operator_name)]


@router.get("")
async def read_service_rules(request: Request) -> ChannelRules:
    """Read the rules of every channel: response times, business hours, reminders, closing, survey."""
    return await _read(services_of(request))


@router.put("", responses=error_responses(400, 403, 413, 415, 422), openapi_extra=json_body(ChannelRules))
async def replace_service_rules(request: Request, operator: Operator) -> ChannelRules:
    """Replace the rules of the channels that are given, all of them or none; every replica follows within a minute."""
    services = services_of(request)
    rules = await read_json(request, ChannelRules)
    await services.rules.replace(rules.by_channel(), operator)
    services.remembered_rules.forget()
    return await _read(services)


async def _read(services: IngressServices) -> ChannelRules:
    rules = await services.rules.fetch()
    return ChannelRules(**{channel.value: each for channel, each in rules.items()})
