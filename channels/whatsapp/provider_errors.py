"""Twilio's error codes, sorted by what is to be done. https://www.twilio.com/docs/api/errors

A code that is not here goes to a person: somebody must read what it means. Twilio's own sentences are not kept: they
name numbers.
"""

from __future__ import annotations

OPTED_OUT = frozenset({21610, 63033})
"""The recipient does not want to be written to by this sender."""

OUTSIDE_WINDOW = 63016
"""More than 24 hours since the customer's last message: only an approved template may be sent."""

BUSY = frozenset({20429, 21611, 30001, 63018})
"""Too much at once: of the account, of the sender, or to one recipient."""

CREDENTIALS = frozenset({20003, 20005, 20006})
"""The account refuses us: nothing about a message, and every other send fails alike until an operator acts."""

_MEANINGS = {
    21211: "the number, or the user id in its place, cannot be written to",
    21408: "the account may not write to that country",
    21610: "the recipient has opted out",
    21614: "the number cannot get messages",
    21617: "the text is over the limit",
    21656: "the template's variables do not fit",
    21658: "the template's variables are too long",
    63003: "the recipient is not on WhatsApp",
    63005: "WhatsApp does not take the content",
    63007: "our number is no WhatsApp sender of the account",
    63013: "WhatsApp's policy forbids the message",
    63015: "the recipient has not joined the sandbox",
    63016: "the customer last wrote more than 24 hours ago, and only an approved template may be sent",
    63018: "the number of messages in a time is used up",
    63024: "the recipient is invalid",
    63032: "WhatsApp does not deliver to this recipient now",
    63033: "the recipient has opted out",
    63038: "the account's messages of the day are used up",
    63049: "WhatsApp chose not to deliver the message",
}


def describe(code: int | None) -> str:
    """A sentence's part for whoever sees to it, without words or addresses of the message."""
    if code is None:
        return "Twilio gave no error code"
    return f"{_MEANINGS.get(code, 'see the list of error codes')} (Twilio error {code})"
