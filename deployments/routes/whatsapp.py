"""Twilio's webhooks: messages of customers, and reports on ours. What is not signed is not looked at."""

from __future__ import annotations

import logging
import time
from typing import Any

from fastapi import APIRouter, Request, Response

from agent.errors import FteError, SignatureInvalid
from agent.log_fields import add_log_fields
from agent.records import Channel, ReportEffect
from channels.whatsapp.inbound import parse_inbound
from channels.whatsapp.reports import parse_report
from channels.whatsapp.signature import SIGNATURE_HEADER, Form, parse_form
from deployments.web.ack_log import log_accepted
from deployments.web.reference import error_responses
from deployments.web.requests import read_body
from deployments.web.services import services_of

router = APIRouter(prefix="/webhooks/whatsapp", tags=["webhooks"])

_LOG = logging.getLogger(__name__)
_FORM_MAX_BYTES = 1024 * 1024
"""The longest text that WhatsApp knows, every character of it escaped."""
_WAKES_THE_COURIER = frozenset({ReportEffect.MOVED, ReportEffect.FAILED, ReportEffect.OPTED_OUT})
_TWIML: dict[int | str, dict[str, Any]] = {200: {"content": {"text/xml": {"schema": {"type": "string"}}}}}
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
    },
    "parameters": [
        {
            "name": SIGNATURE_HEADER,
            "in": "header",
            "required": True,
            "schema": {"type": "string"},
            "description": "Over the public address (API_BASE_URL) and every field, by TWILIO_AUTH_TOKEN",
        }
    ],
}


class NotAForm(FteError):
    """The body is not declared to be a form."""

    http_status = 415


@router.post(
    "",
    response_class=Response,
    responses={**_TWIML, **error_responses(403, 413, 415, 422, 503)},
    openapi_extra=_FORM,
)
async def receive(request: Request) -> Response:
    """A customer's message. It is stored when this answers; a redelivery is found by its MessageSid."""
    began = time.perf_counter()
    services = services_of(request)
    form = await _read_signed(request, "/webhooks/whatsapp")
    message = parse_inbound(form)
    accepted = await services.inbox.accept(message)
    services.wake_dispatcher()
    if message.consent is not None:
        services.wake_courier()
    if message.user_id:
        await services.user_ids.learn(accepted.customer_id, message.user_id)
    ms = (time.perf_counter() - began) * 1000
    services.acks.record(Channel.WHATSAPP, ms)
    log_accepted(accepted, Channel.WHATSAPP, ms)
    return _nothing_to_say()


@router.post(
    "/status",
    response_class=Response,
    responses={**_TWIML, **error_responses(403, 413, 415, 422, 503)},
    openapi_extra=_FORM,
)
async def receive_report(request: Request) -> Response:
    """A report on a message of ours. In whatever order they come, the end is the same."""
    services = services_of(request)
    form = await _read_signed(request, "/webhooks/whatsapp/status")
    report = parse_report(request.url.query, form)
    if report is None:
        return _nothing_to_say()
    add_log_fields(outbox_id=report.outbox_id, channel=Channel.WHATSAPP)
    effect = await services.outbox.record_report(report)
    if effect in _WAKES_THE_COURIER:
        services.wake_courier()
    if effect is ReportEffect.FAILED:
        services.wake_desks()
        _LOG.warning("a reply was not delivered; a person must see to it")
    elif effect is ReportEffect.DOUBLED:
        _LOG.error("a part of a reply was sent twice")
    return _nothing_to_say()


def _nothing_to_say() -> Response:
    """TwiML that sends nothing: answers go by the courier."""
    return Response('<?xml version="1.0" encoding="UTF-8"?><Response/>', media_type="text/xml")


async def _read_signed(request: Request, path: str) -> Form:
    """The form, when Twilio signed it. Raises SignatureInvalid before anything in it is looked at."""
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if not signature:
        raise SignatureInvalid(f"the request has no {SIGNATURE_HEADER}")
    if request.headers.get("content-type", "").lower().partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise NotAForm("the body must be sent as Content-Type: application/x-www-form-urlencoded")
    form = parse_form(await read_body(request, _FORM_MAX_BYTES))
    query = request.scope["query_string"].decode("latin-1")
    services_of(request).whatsapp.check(path, query, form, signature)
    return form
