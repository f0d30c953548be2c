"""Files of a conversation, for the holder of its access token and for operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import quote, unquote
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, TypeAdapter

from agent.records import ConversationId
from channels.web_form.files import FILE_MAX_BYTES, FILES_MAX, TOTAL_MAX_BYTES, clean_name, find_media_type
from crm.attachments import Attachment
from deployments.routes.support import OpenTicket
from deployments.web.reference import error_responses
from deployments.web.requests import read_body, require_operator
from deployments.web.services import services_of

router = APIRouter(responses=error_responses(404, 422, 503))

_ONE = TypeAdapter(Attachment)
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}


class AttachmentList(BaseModel):
    """In the order of their coming."""

    attachments: Sequence[Attachment]


@router.post(
    "/support/ticket/{ticket_id}/attachments",
    tags=["support"],
    status_code=201,
    response_model=Attachment,
    responses=error_responses(408, 409, 413, 429),
    openapi_extra=_BODY,
)
async def attach(
    request: Request,
    head: OpenTicket,
    name: Annotated[
        str, Header(alias="X-File-Name", max_length=4_000, description="The file's name, per cent encoded")
    ] = "",
) -> Response:
    """Add a file, whose bytes are the body. The same file again is the same attachment."""
    services = services_of(request)
    with services.uploads.place():
        content = await services.uploads.in_time(read_body(request, FILE_MAX_BYTES))
        media_type = find_media_type(content)
        added = await services.attachments.add(
            head.conversation_id,
            clean_name(unquote(name), media_type),
            media_type,
            content,
            count_max=FILES_MAX,
            total_max_bytes=TOTAL_MAX_BYTES,
        )
    return Response(_ONE.dump_json(added), 201, media_type="application/json")


@router.get("/support/ticket/{ticket_id}/attachments", tags=["support"])
async def list_of_ticket(request: Request, head: OpenTicket) -> AttachmentList:
    """List the files of a ticket."""
    return AttachmentList(attachments=await services_of(request).attachments.fetch_all(head.conversation_id))


@router.get(
    "/support/ticket/{ticket_id}/attachments/{attachment_id}",
    tags=["support"],
    response_class=Response,
    responses=_BYTES,
)
async def download_of_ticket(request: Request, head: OpenTicket, attachment_id: UUID) -> Response:
    """Download a file of a ticket."""
    return await _download(request, head.conversation_id, attachment_id)


@router.get(
    "/conversations/{conversation_id}/attachments",
    tags=["desk"],
    dependencies=[Depends(require_operator)],
    responses=error_responses(401),
)
async def list_of_conversation(request: Request, conversation_id: UUID) -> AttachmentList:
    """List the files of a conversation."""
    services = services_of(request)
    await services.desk_views.fetch_standing(ConversationId(conversation_id))  # or 404
    return AttachmentList(attachments=await services.attachments.fetch_all(ConversationId(conversation_id)))


@router.get(
    "/conversations/{conversation_id}/attachments/{attachment_id}",
    tags=["desk"],
    dependencies=[Depends(require_operator)],
    response_class=Response,
    responses={**_BYTES, **error_responses(401)},
)
async def download_of_conversation(request: Request, conversation_id: UUID, attachment_id: UUID) -> Response:
    """Download a file of a conversation."""
    return await _download(request, ConversationId(conversation_id), attachment_id)


async def _download(request: Request, conversation_id: ConversationId, attachment_id: UUID) -> Response:
    """Never shown in place: a browser saves it, sniffs nothing, and would run nothing of it."""
    found, content = await services_of(request).attachments.fetch(conversation_id, attachment_id)
    return Response(
        content,
        media_type=found.media_type,
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        },
    )
