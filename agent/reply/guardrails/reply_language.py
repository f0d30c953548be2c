"""Whether a reply is in the language that the customer writes."""

from __future__ import annotations

from agent.reply.draft import ReplyKind
from agent.text.language import language_of


def foreign_language(reply: str, customer: str, kind: ReplyKind) -> str | None:
    """'de for en' when both are sure and differ, else None.

    That one only reads English may be said in English to everybody.
    """
    written = language_of(reply)
    if written is None:
        return None
    if written == "en" and kind not in (ReplyKind.ANSWER, ReplyKind.CONVERSATION):
        return None
    asked = language_of(customer)
    return f"{written} for {asked}" if asked is not None and asked != written else None
