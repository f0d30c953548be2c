"""Evaluation cases: lines of JSON to records, and a record to the context of a turn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from agent.errors import BadInput
from agent.ports import SentimentScorer
from agent.records import (
    Author,
    Category,
    Channel,
    ConversationId,
    ConversationState,
    CustomerId,
    Direction,
    IdentifierKind,
    Identity,
    MessageId,
    Priority,
    ReasonCode,
    StoredMessage,
    Ticket,
    TicketId,
    TicketStatus,
    TurnContext,
)

HISTORY_LIMIT = 20

_CHANNELS = {
    "email": Channel.EMAIL, "mail": Channel.EMAIL, "gmail": Channel.EMAIL, "whatsapp": Channel.WHATSAPP,
    "webform": Channel.WEB_FORM, "web": Channel.WEB_FORM, "form": Channel.WEB_FORM,
}  # fmt: skip
_IDENTITIES = {
    Channel.EMAIL: (IdentifierKind.EMAIL, "customer@example.com"),
    Channel.WHATSAPP: (IdentifierKind.PHONE, "+15550100"),
    Channel.WEB_FORM: (IdentifierKind.EMAIL, "customer@example.com"),
}
_OURS = frozenset(
    "agent assistant ai bot fte support system outbound out operator person staff representative us".split()  # noqa: SIM905
)
_THEIRS = frozenset("customer user client human inbound in requester sender visitor".split())  # noqa: SIM905
_FOUND_NOTHING = re.compile(
    r"\b(?:found nothing|nothing (?:in|on|about)|(?:do|does|did|could|can)(?:n['’]t| ?not) (?:know|find|have an answer)"
    r"|not sure|no (?:answer|article|information)|(?:tell me|could you (?:tell|say|describe|explain)|say) (?:\w+ ){0,3}"
    r"(?:more|in other words))\b",
    re.IGNORECASE,
)
_SPEAKER = re.compile(r"^\s*([A-Za-z]+)\s*:\s+")


@dataclass(frozen=True, slots=True)
class HistoryMessage:
    """An earlier message. Its sentiment is scored when it is not given."""

    author: Author
    text: str
    sentiment: float | None = None


@dataclass(frozen=True, slots=True)
class EvalCase:
    """One message to decide. What is expected is None where the line does not say; it is never decided from."""

    case_id: str | int
    channel: Channel
    text: str
    history: tuple[HistoryMessage, ...] = ()
    expected_action: str | None = None
    expected_reason: ReasonCode | None = None
    expected_articles: tuple[str, ...] = ()
    """Articles of which one is cited by a right answer."""


def parse_cases(lines: Iterable[str]) -> list[EvalCase]:
    """Raises BadInput naming the first line that is no case. Empty lines are skipped."""
    return [_parse_case(f"line {n}", line) for n, line in enumerate(lines, start=1) if line.strip()]


def _parse_case(place: str, line: str) -> EvalCase:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(place, "is no JSON object") from error
    if not isinstance(record, dict):
        raise BadInput(place, "is no JSON object")
    case_id = record.get("id")
    if not isinstance(case_id, str | int) or isinstance(case_id, bool):
        raise BadInput(place, "'id' must be a string or a number")
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise BadInput(place, "'text' must be the customer's message")
    history = record.get("history") or []
    if not isinstance(history, list):
        raise BadInput(place, "'history' must be a list of messages")
    parsed = tuple(_parse_history(f"{place}, history {n}", item) for n, item in enumerate(history, start=1))
    action, reason = _parse_expected(place, record)
    channel = _parse_channel(place, record.get("channel"))
    return EvalCase(case_id, channel, text, parsed, action, reason, _parse_articles(record))


def _parse_channel(place: str, value: object) -> Channel:
    name = re.sub(r"[^a-z]", "", value.lower()) if isinstance(value, str) else ""
    if name not in _CHANNELS:
        raise BadInput(place, f"'channel' must be one of {', '.join(Channel)}")
    return _CHANNELS[name]


def _parse_history(place: str, item: object) -> HistoryMessage:
    """A string is the customer's, unless it begins with 'Agent:' or the like; an object says who wrote."""
    if isinstance(item, str):
        speaker = _SPEAKER.match(item)
        author = _author(speaker.group(1)) if speaker else None
        return HistoryMessage(author or Author.CUSTOMER, item[speaker.end() :] if speaker and author else item)
    if not isinstance(item, Mapping):
        raise BadInput(place, "must be a string or an object")
    text = next((item[key] for key in ("text", "body", "content", "message") if isinstance(item.get(key), str)), None)
    if text is None:
        raise BadInput(place, "has no text")
    said_by = [item[key] for key in ("role", "direction", "author", "from", "sender") if key in item]
    authors = [author for author in map(_author, said_by) if author is not None]
    sentiment = item.get("sentiment")
    scored = isinstance(sentiment, int | float) and not isinstance(sentiment, bool) and -1 <= sentiment <= 1
    return HistoryMessage(authors[0] if authors else Author.CUSTOMER, text, sentiment if scored else None)


def _author(value: object) -> Author | None:
    name = str(value).lower()
    if name in _THEIRS:
        return Author.CUSTOMER
    if name in _OURS:
        return Author.PERSON if name in ("person", "operator", "staff", "representative") else Author.FTE
    return None


def _parse_expected(place: str, record: Mapping[str, Any]) -> tuple[str | None, ReasonCode | None]:
    action, reason = record.get("expected_action"), record.get("expected_reason")
    if action not in (None, "reply", "escalate"):
        raise BadInput(place, "'expected_action' must be reply or escalate")
    try:
        return action, ReasonCode(reason) if reason is not None else None
    except ValueError as error:
        raise BadInput(place, f"'expected_reason' {reason!r} is no reason code") from error


def _parse_articles(record: Mapping[str, Any]) -> tuple[str, ...]:
    """For figures only: whatever else a line has under this name is its owner's."""
    articles = record.get("expected_articles")
    return tuple(each for each in articles if isinstance(each, str)) if isinstance(articles, list) else ()


async def case_context(case: EvalCase, sentiment: SentimentScorer, negative_threshold: float) -> TurnContext:
    """The context that the case's last message would have: a conversation of its own, nothing stored.

    Each earlier customer message counts as an exchange: those below the threshold at the end make the streak. An
    answer that says that it knows nothing, or asks back, was a gap.
    """
    conversation_id = ConversationId(uuid4())
    asked_at = datetime.now(UTC)
    earlier = case.history[-HISTORY_LIMIT:]
    texts = [message.text for message in earlier]
    scores = await sentiment.score(texts) if texts else []
    history = tuple(
        StoredMessage(
            message_id=MessageId(uuid4()),
            conversation_id=conversation_id,
            channel=case.channel,
            direction=Direction.INBOUND if message.author is Author.CUSTOMER else Direction.OUTBOUND,
            author=message.author,
            body=message.text,
            created_at=asked_at - timedelta(minutes=5 * (len(earlier) - position)),
            seq=position + 1 if message.author is Author.CUSTOMER else None,
            sentiment=(score if message.sentiment is None else message.sentiment)
            if message.author is Author.CUSTOMER
            else None,
        )
        for position, (message, score) in enumerate(zip(earlier, scores, strict=True))
    )
    kind, address = _IDENTITIES[case.channel]
    return TurnContext(
        customer_id=CustomerId(uuid4()),
        conversation_id=conversation_id,
        channel=case.channel,
        state=ConversationState.OPEN,
        owner_epoch=0,
        identity=Identity(kind, address, verified=case.channel is not Channel.WEB_FORM),
        customer_name="",
        plan="free",
        ticket=Ticket(
            TicketId(f"TF-{asked_at:%Y%m%d}-0001"),
            TicketStatus.OPEN,
            Category.GENERAL,
            Priority.MEDIUM,
            "",
            asked_at,
        ),
        burst=(
            StoredMessage(
                MessageId(uuid4()),
                conversation_id,
                case.channel,
                Direction.INBOUND,
                Author.CUSTOMER,
                case.text,
                asked_at,
                seq=len(earlier) + 1,
            ),
        ),
        history=history,
        negative_streak=_streak(history, negative_threshold),
        gap_streak=_gaps(history),
        burst_began_at=asked_at,
    )


def _streak(history: Iterable[StoredMessage], negative_threshold: float) -> int:
    """Customer messages below the threshold without a break, up to the last."""
    streak = 0
    for message in history:
        if message.author is Author.CUSTOMER:
            assert message.sentiment is not None, "customer messages are scored"
            streak = streak + 1 if message.sentiment < negative_threshold else 0
    return streak


def _gaps(history: Iterable[StoredMessage]) -> int:
    """Answers of the FTE without a match, without a break, up to the last."""
    gaps = 0
    for message in history:
        if message.author is Author.FTE:
            gaps = gaps + 1 if _FOUND_NOTHING.search(message.body) else 0
    return gaps
