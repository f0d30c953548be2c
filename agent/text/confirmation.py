"""Whether a customer says that an answer has helped."""

from __future__ import annotations

import re

from agent.text.smalltalk import Remark, small_talk

# Thanks for what is still to come, or for nothing.
_NOT_YET = re.compile(
    r"^\W*(no|nope)\b|\b(in advance|beforehand|will (try|do|check|let you know)|(i|we)['’]?ll|going to try|let me"
    r"|trying|not (yet|sure)|looking forward|waiting|wait for)\b",
    re.IGNORECASE,
)


def confirms_solution(text: str) -> bool:
    """'Thanks, that worked!', and nothing else: with a question beside it, or with a try still to come, it is open."""
    return "?" not in text and small_talk(text) in (Remark.THANKS, Remark.SOLVED) and not _NOT_YET.search(text)
