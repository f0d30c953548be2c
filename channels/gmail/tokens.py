"""By what a mail of ours is known: the outbox row's send token, which is stored before anything is sent."""

from __future__ import annotations

from email import message_from_bytes

from channels.mail.automatic import TOKEN_HEADER
from channels.mail.writing import token_in

_MARK = "o."
"""A send token may begin with a sign, which no token of a mail may."""


def mail_token(send_token: str) -> str:
    """What a mail carries in its Message-ID and in a header of its own."""
    return f"{_MARK}{send_token}"


def find_token(raw: bytes, message_id: str) -> str:
    """The send token that a mail of ours carries; empty for any other mail."""
    header = message_from_bytes(raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").get(TOKEN_HEADER, "")
    token = str(header).strip() or token_in(message_id)
    return token.removeprefix(_MARK) if token.startswith(_MARK) else ""
