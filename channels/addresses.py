"""Addresses as people type them, brought to the one form under which identifiers are stored and found."""

from __future__ import annotations

import re

from agent.errors import BadInput

EMAIL_MAX = 254  # RFC 5321, 4.5.3.1.3: a path is at most 256 octets, two of them its angle brackets

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TOP = r"[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])"
EMAIL_PATTERN = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+{_TOP}$"
"""RFC 5322's dot-atom before the @, a host name with a dot after it. Means the same to Python, to the regular
expressions of pydantic and to a browser's; other alphabets come as punycode, as browsers send them."""

_EMAIL = re.compile(EMAIL_PATTERN)
_GMAIL = re.compile(r"[^@+]*[^@+.][^@+]*(?:\+[^@]*)?@(?:gmail|googlemail)\.com")
_PHONE = re.compile(r"^\+[1-9][0-9]{6,14}$")  # ITU-T E.164: at most 15 digits
_PHONE_PUNCTUATION = str.maketrans("", "", " -().\u00a0")


def mailbox_key(address: str) -> str:
    """The form under which spellings of one mailbox are equal; Postgres has the same rule, `identifier_key`.

    Gmail reads neither dots nor what follows a plus sign (support.google.com/mail/answer/7436150); elsewhere both
    count. The case of letters never does.
    """
    lowered = address.strip(" ").lower()
    if _GMAIL.fullmatch(lowered) is None:
        return lowered
    return lowered.partition("@")[0].partition("+")[0].replace(".", "") + "@gmail.com"


def parse_email(text: str, field: str = "email") -> str:
    """The address in lower case. Raises BadInput."""
    address = text.strip()
    if len(address) > EMAIL_MAX or not _EMAIL.fullmatch(address):
        raise BadInput(field, "must be an e-mail address like name@example.com")
    return address.lower()


def parse_phone(text: str, field: str = "phone") -> str:
    """The number in E.164. Raises BadInput."""
    number = text.strip().translate(_PHONE_PUNCTUATION)
    if number.startswith("00"):
        number = "+" + number[2:]
    if not _PHONE.fullmatch(number):
        raise BadInput(field, "must be an international number like +15550100123")
    return number
