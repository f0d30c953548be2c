"""Builders for tests of the spine: messages in, decisions out, without models."""

from __future__ import annotations

import itertools
import uuid

from agent.records import (
    Channel,
    EscalationRequest,
    IdentifierKind,
    Identity,
    InboundMessage,
    OutcomeKind,
    ReasonCode,
    Severity,
    Team,
    TurnContext,
    TurnDecision,
)
from agent.reply.notices import held_notice

_numbers = itertools.count()


def form_message(
    body: str = "How do I create a board?", thread: str | None = None, key: str | None = None
) -> InboundMessage:
    """A form submission; the same `thread` continues it, the same `key` is a redelivery."""
    return InboundMessage(
        channel=Channel.WEB_FORM,
        provider_message_id=key or uuid.uuid4().hex,
        thread_key=thread or uuid.uuid4().hex,
        identity=Identity(IdentifierKind.EMAIL, "ada@example.com", verified=False, display_name="Ada"),
        body=body,
        subject="Boards",
    )


def whatsapp_message(sender: str, body: str = "hi", key: str | None = None) -> InboundMessage:
    """A message of a verified sender, whose thread is the sender."""
    return InboundMessage(
        channel=Channel.WHATSAPP,
        provider_message_id=key or f"SM{next(_numbers)}-{uuid.uuid4().hex}",
        thread_key=sender,
        identity=Identity(IdentifierKind.PHONE, sender, verified=True),
        body=body,
    )


def mail_message(sender: str = "ada@example.com", body: str = "hello") -> InboundMessage:
    """A mail of a verified sender that begins a thread."""
    return InboundMessage(
        channel=Channel.EMAIL,
        provider_message_id=uuid.uuid4().hex,
        thread_key=uuid.uuid4().hex,
        identity=Identity(IdentifierKind.EMAIL, sender, verified=True, display_name="Ada"),
        body=body,
        subject="Boards",
    )


def reply_to(context: TurnContext, text: str | None = None) -> TurnDecision:
    """Answers with the burst's numbers, so that a test sees what the reply covers."""
    return TurnDecision(
        kind=OutcomeKind.REPLY,
        reply=text or "re: " + ", ".join(str(message.seq) for message in context.burst),
        sentiments=tuple(0.0 for _ in context.burst),
    )


def escalate(context: TurnContext) -> TurnDecision:
    return TurnDecision(
        kind=OutcomeKind.ESCALATION,
        reason=ReasonCode.REFUND_REQUEST.value,
        reply="A colleague will help you.",
        escalation=EscalationRequest(ReasonCode.REFUND_REQUEST, Team.BILLING, Severity.P3, "Wants money back."),
        sentiments=tuple(0.0 for _ in context.burst),
    )


def hold(context: TurnContext) -> TurnDecision:
    """Silent but for one notice: a person has the conversation."""
    return TurnDecision(
        kind=OutcomeKind.HELD,
        reason="a person has the conversation",
        reply="" if context.held_notice_sent else held_notice(context.channel),
        sentiments=tuple(0.0 for _ in context.burst),
    )
