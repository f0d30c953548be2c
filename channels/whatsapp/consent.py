"""STOP and START: the words by which a customer says whether they want to be written to.

The words are Twilio's (https://www.twilio.com/docs/messaging/features/advanced-opt-out); only a message that is
nothing else counts, so that "please stop the sync" is a question. START counts for who has opted out before, which
only the database knows.
"""

from __future__ import annotations

from agent.records import ConsentChange
from agent.reply.notices import consent_notice

_STOP = frozenset({"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "optout", "revoke"})
_START = frozenset({"start", "yes", "unstop"})


def consent_of(body: str, opt_out_type: str) -> ConsentChange | None:
    """What a message says about being written to; None for any other message.

    `opt_out_type` is set when Twilio itself has recognised the word, and has answered it.
    """
    match opt_out_type.strip().upper():
        case "STOP":
            return ConsentChange(opted_out=True)
        case "START":
            return ConsentChange(opted_out=False)
    word = body.strip().strip(".!").strip().lower()
    if word in _STOP:
        return ConsentChange(opted_out=True, confirmation=consent_notice(opted_out=True))
    if word in _START:
        return ConsentChange(opted_out=False, confirmation=consent_notice(opted_out=False))
    return None
