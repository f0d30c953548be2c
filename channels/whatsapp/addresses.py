"""WhatsApp addresses as Twilio writes them, and the thread of a sender at one of our numbers."""

from __future__ import annotations

import re

from agent.errors import BadInput
from agent.records import IdentifierKind
from channels.addresses import parse_phone

PREFIX = "whatsapp:"
# Meta's business-scoped user id: a country in capitals, a dot, up to 128 letters and digits, of a parent account with
# ENT. between (developers.facebook.com, "Business-scoped user IDs", May 2026). Who has a user name may have it in the
# place of a number, and a new number gives a new one. Twilio's webhooks carry it in ExternalUserId beside the number,
# and in From where there is none (as users of it report: nyaruka/courier#1000, chatwoot#14436, open-chat-studio#3397;
# neither its OpenAPI description nor its library names it). There is room for what Meta may add. A user name (small
# letters) is none: it can pass to somebody else.
_USER = re.compile(r"^[A-Z]{2}(?:\.[A-Za-z0-9_-]{1,128}){1,3}$")
_BETWEEN = " at "


def parse_address(text: str, field: str) -> tuple[IdentifierKind, str]:
    """Kind and value of `whatsapp:+15550100123`, or of a sender without a number. Raises BadInput."""
    if not text.startswith(PREFIX):
        raise BadInput(field, "must be a WhatsApp address like whatsapp:+15550100123")
    value = text.removeprefix(PREFIX).strip()
    if _USER.fullmatch(value):
        return IdentifierKind.WHATSAPP_USER, value
    return IdentifierKind.PHONE, parse_phone(value, field)


def parse_user_id(text: str) -> str:
    """WhatsApp's id of a sender, with the prefix or without; empty for anything else, which is nothing to refuse a
    message for."""
    value = text.removeprefix(PREFIX).strip()
    return value if _USER.fullmatch(value) else ""


def to_address(value: str) -> str:
    """As Twilio takes it in From and To."""
    return PREFIX + value


def thread_of(sender: str, ours: str) -> str:
    """A conversation's thread: a sender at one of our numbers, from which it is answered."""
    return f"{sender}{_BETWEEN}{ours}"


def our_number_of(thread_key: str, default: str) -> str:
    """The number that a thread was written to."""
    return thread_key.partition(_BETWEEN)[2] or default
