"""The rules by name, and how a draft breaks one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    EMPTY = "empty"
    UNGROUNDED = "ungrounded"
    """An answer that cites no article that matched."""
    UNSUPPORTED = "unsupported"
    """A statement whose words no passage has together."""
    CONTRADICTED = "contradicted"
    """A statement that a passage makes the other way round: 'you can' for 'you cannot'."""
    NAME = "name"
    """A feature, a menu's path or a product that no passage names."""
    PROMISE = "promise"
    TOPIC = "topic"
    """Refunds, discounts, competitors: not the FTE's to discuss."""
    LEAK = "leak"
    FOREIGN_ADDRESS = "foreign_address"
    LINK = "link"
    MONEY = "money"
    NUMBER = "number"
    DATE = "date"
    LANGUAGE = "language"
    """Another language than the customer's."""
    MANNER = "manner"
    """Far more than its kind is for, such as a poem as small talk; an insult, an admission, a request for a secret."""


@dataclass(frozen=True, slots=True)
class Violation:
    rule: Rule
    evidence: str
    """The words that broke it, for the person who gets the draft."""
