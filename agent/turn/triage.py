"""Category, priority and subject of a ticket, by simple rules on the customer's first words.

What a customer chose on a form stands; only an escalation may raise it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from agent.records import (
    Author,
    Category,
    Channel,
    EscalationRequest,
    Priority,
    ReasonCode,
    Severity,
    Team,
    TurnContext,
)
from agent.text.visible import visible
from agent.text.words import sentences

_SUBJECT_CHARS = 80
_SPEAKING_WORDS = 3
_ORDER = [Priority.LOW, Priority.MEDIUM, Priority.HIGH, Priority.URGENT]
_CATEGORY_RULES = [
    (
        Category.BILLING,
        r"\b(invoices?|billing|billed|charged?|payments?|pay|refunds?|credit card|subscription|pricing|price"
        r"|receipt|vat|upgrade|downgrade)\b",
    ),
    (
        Category.BUG_REPORT,
        r"\b(bugs?|crash\w*|freez\w*|frozen|errors?|broken|glitch\w*|blank (page|screen)|not loading"
        r"|stopped working|fails?|failed|5\d\d)\b",
    ),
    (
        Category.ACCOUNT,
        r"\b(password|log ?in|sign ?in|log(ged)? out|locked out|account|two.factor|2fa|sso|profile|e-?mail address"
        r"|username|invite|permissions?)\b",
    ),
    (
        Category.FEEDBACK,
        r"\b(feature request|suggest\w*|it would be (nice|great)|would love to see|feedback|love (the|your|this)"
        r"|wish (it|you|there))\b",
    ),
    (
        Category.TECHNICAL,
        r"\b(how (do|can|to)|set ?up|configure|integrat\w+|api|webhooks?|sync\w*|import|export|slack|calendar"
        r"|automation|notification\w*|mobile|app)\b",
    ),
]
_CATEGORIES = [(category, re.compile(pattern, re.IGNORECASE)) for category, pattern in _CATEGORY_RULES]
_URGENT = re.compile(
    r"\b(urgent(ly)?|asap|immediately|emergency|production is down|everything is down|right now|critical)\b",
    re.IGNORECASE,
)
_BY_REASON = {
    ReasonCode.PRICING_INQUIRY: Category.BILLING,
    ReasonCode.REFUND_REQUEST: Category.BILLING,
    ReasonCode.CANCELLATION_REQUEST: Category.ACCOUNT,
    ReasonCode.SECURITY_CONCERN: Category.ACCOUNT,
    ReasonCode.TECHNICAL_EMERGENCY: Category.BUG_REPORT,
}
_BY_SEVERITY = {Severity.P1: Priority.URGENT, Severity.P2: Priority.HIGH, Severity.P3: Priority.MEDIUM}
# Where data is lost or nobody can work, minutes count: the ticket's priority says how soon a person answers.
_LEAST_PRIORITY = {ReasonCode.TECHNICAL_EMERGENCY: Priority.URGENT}


@dataclass(frozen=True, slots=True)
class Triage:
    """None keeps what the ticket has."""

    category: Category | None = None
    priority: Priority | None = None
    subject: str | None = None

    def escalated(self, context: TurnContext, request: EscalationRequest) -> Triage:
        """What an escalation demands: its category where none was chosen, and at least its priority."""
        category = self.category
        current = self.category or context.ticket.category
        demanded = _BY_REASON.get(request.reason_code)
        if request.team is Team.BILLING:
            demanded = Category.BILLING
        if demanded is not None and current in (Category.GENERAL, Category.TECHNICAL):
            category = demanded
        floor = _BY_SEVERITY[request.severity]
        least = _LEAST_PRIORITY.get(request.reason_code, floor)
        priority = max(self.priority or context.ticket.priority, floor, least, key=_ORDER.index)
        return replace(self, category=category, priority=priority)


def first_triage(context: TurnContext) -> Triage:
    """By rules, on the first exchange of a conversation only: later ones keep what the ticket has."""
    if was_answered(context):
        return Triage()
    subject = None if context.ticket.subject.strip() else _subject(context.text)
    if context.channel is Channel.WEB_FORM:
        return Triage(subject=subject)
    text = f"{context.ticket.subject}\n{context.text}"
    category = next((category for category, pattern in _CATEGORIES if pattern.search(text)), Category.GENERAL)
    urgent = bool(_URGENT.search(text))
    priority = Priority.HIGH if urgent else None
    return Triage(category if category is not context.ticket.category else None, priority, subject)


def opening_subject(context: TurnContext) -> str:
    """The subject under which a conversation was opened, as long as nothing was answered, else empty.

    It is part of what the customer says: "I want my money back" above "please see the subject". One or two words
    ("Billing", "A question") name a topic and say nothing.
    """
    subject = " ".join(context.ticket.subject.split())
    says_something = len(subject.split()) >= _SPEAKING_WORDS and subject.lower() not in context.text.lower()
    return subject if says_something and not was_answered(context) else ""


def was_answered(context: TurnContext) -> bool:
    """Whether the FTE or a person has written in this conversation."""
    return any(
        message.conversation_id == context.conversation_id and message.author is not Author.CUSTOMER
        for message in context.history
    )


def _subject(text: str) -> str | None:
    """The first sentence that says something, cut at a word."""
    text = visible(text)
    for sentence in sentences(text):
        if len(sentence.split()) < 3:
            continue
        if len(sentence) <= _SUBJECT_CHARS:
            return sentence
        return sentence[: _SUBJECT_CHARS - 1].rsplit(" ", 1)[0] + "…"
    return text.strip()[:_SUBJECT_CHARS] or None
