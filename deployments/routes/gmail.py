"""Gmail's pushes by Pub/Sub: a verified one is committed as a hint and answered; the mailbox is read elsewhere."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from agent.errors import PayloadTooLarge
from agent.records import Channel
from channels.gmail.push import parse_push
from deployments.web.reference import error_responses
from deployments.web.requests import read_body
from deployments.web.services import services_of

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}


@router.post("/gmail", status_code=204, responses=error_responses(403, 503), openapi_extra=_BODY)
async def receive_push(
    request: Request,
    authorization: Annotated[str, Header(description="Pub/Sub's OIDC token, as a bearer token")] = "",
) -> Response:
    """Hear that a mailbox may have new mail. A verified push is answered 204 whatever it says, so that none comes again
    for ever; which mailbox is read is ours to say, and from where on the database knows."""
    began = time.perf_counter()
    services = services_of(request)
    await services.pushes.verifier.verify(authorization)
    try:
        mailbox = parse_push(await read_body(request))
    except PayloadTooLarge:
        mailbox = None
    if mailbox is not None and mailbox == services.pushes.mailbox:
        await services.mailboxes.record_hint(mailbox)
        services.wake_mailbox()
        services.acks.record(Channel.EMAIL, (time.perf_counter() - began) * 1000)
    return Response(status_code=204)
