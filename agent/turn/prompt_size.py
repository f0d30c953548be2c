"""How much a language model is given to read in a turn."""

from __future__ import annotations

from enum import StrEnum


class PromptSize(StrEnum):
    FULL = "full"
    """Every rule, all that was found and all tools, and it may search once more: 3,000 to 5,000 tokens."""
    COMPACT = "compact"
    """What a small model can follow and a small server reads in time: the rules in short, the best three passages, the
    last four messages, and the two tools that end a turn, so one call. The instructions and tools are the same on every
    channel and stand first, so that a server reads them once."""
