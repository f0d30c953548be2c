"""What the support form sends, checked once and turned into an InboundMessage.

The page renders its own checks from these models, so that browser and server cannot disagree.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agent.errors import BadInput
from agent.records import (
    Category,
    Channel,
    IdentifierKind,
    Identity,
    InboundMessage,
    Priority,
)
from channels.addresses import EMAIL_MAX, EMAIL_PATTERN
from channels.texts import CONTROLS, NOT_BLANK, ONE_LINE, VISIBLE, MessageText

NAME_MAX = 100
SUBJECT_MAX = 200
_OBSERVED = {"website", "elapsed_ms"}
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")

Email = Annotated[
    str,
    StringConstraints(min_length=1, max_length=EMAIL_MAX, pattern=EMAIL_PATTERN),
    Field(title="E-mail", json_schema_extra={"format": "email"}),
]


def _line(title: str, longest: int) -> object:
    return Field(
        title=title,
        min_length=1,
        max_length=longest,
        json_schema_extra={"forbidden": CONTROLS, "visible": VISIBLE},
    )


class Submission(BaseModel):
    """The body of `POST /support/submit`. Texts are stripped of surrounding white space."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Annotated[str, _line("Name", NAME_MAX), ONE_LINE, NOT_BLANK]
    email: Email
    subject: Annotated[str, _line("Subject", SUBJECT_MAX), ONE_LINE, NOT_BLANK]
    category: Annotated[Category, Field(title="Category")] = Category.GENERAL
    priority: Annotated[Priority, Field(title="Priority")] = Priority.MEDIUM
    message: MessageText


class FormRequest(Submission):
    """The body of `POST /support/submit`: a submission with what the form saw of how it was filled in."""

    website: Annotated[str, Field(title="Website")] = ""
    """A field that nobody sees; people leave it empty."""
    elapsed_ms: Annotated[int, Field(title="Time", ge=0)] | None = None
    """How long the form was open, by the browser's monotonic clock."""


class FollowUp(BaseModel):
    """The body of `POST /support/ticket/{ticket_id}/messages`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    message: MessageText


def parse_idempotency_key(header: str | None) -> str:
    """The sender's key, or a fresh one when there is none. Raises BadInput."""
    if header is None:
        return f"fresh-{uuid4().hex}"
    if not _KEY.fullmatch(header):
        raise BadInput("Idempotency-Key", "must be 1 to 200 visible ASCII characters")
    return header


def hash_request(body: BaseModel) -> bytes:
    """SHA-256 of the canonical body: the fields of the model in its order, defaults filled in, no white space.

    How a form was filled in is no part of what is asked: a repetition may have taken longer. Nor is the case of an
    address, which is kept as it was written.
    """
    if isinstance(body, Submission):
        body = body.model_copy(update={"email": body.email.lower()})
    return hashlib.sha256(body.model_dump_json(exclude=_OBSERVED).encode()).digest()


def to_inbound(submission: Submission, idempotency_key: str) -> InboundMessage:
    """A new conversation of an identity that is only claimed: anybody can type any address into a form."""
    return InboundMessage(
        channel=Channel.WEB_FORM,
        provider_message_id=f"submit:{idempotency_key}",
        thread_key=str(uuid4()),
        identity=Identity(
            kind=IdentifierKind.EMAIL,
            value=submission.email,
            verified=False,
            display_name=submission.name,
        ),
        body=submission.message,
        subject=submission.subject,
        category=submission.category,
        priority=submission.priority,
        request_hash=hash_request(submission),
    )


def to_follow_up(
    follow_up: FollowUp, idempotency_key: str, *, channel: Channel, thread_key: str, identity: Identity
) -> InboundMessage:
    """A further message of a conversation, by the holder of its access token. Keys count per conversation."""
    return InboundMessage(
        channel=channel,
        provider_message_id=f"write:{thread_key}:{idempotency_key}",
        thread_key=thread_key,
        identity=identity,
        body=follow_up.message,
        request_hash=hash_request(follow_up),
    )
