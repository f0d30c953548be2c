"""What the model writes for the customer, and what it says that this is, before any rule looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReplyKind(StrEnum):
    """What a reply is, as its writer declares it: each kind has its own rule of grounding."""

    ANSWER = "answer"
    """Answers from the articles found; must cite one."""
    CONVERSATION = "conversation"
    """Answers from the ticket or from what was said before."""
    CLARIFICATION = "clarification"
    """Asks the customer for what is missing."""
    SMALL_TALK = "small_talk"
    OFF_TOPIC = "off_topic"


@dataclass(frozen=True, slots=True)
class ReplyIntent:
    text: str
    kind: ReplyKind
    articles: tuple[str, ...]
