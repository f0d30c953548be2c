"""Tokens that are computed and never stored: access to a ticket, and the link that confirms an address."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime
from uuid import UUID

from pydantic import SecretStr

from agent.errors import NotFound
from agent.records import ConfirmationId

_ACCESS = b"fte ticket access 1"
_CONFIRM = b"fte address confirmation 1"
_ID_BYTES, _TIME_BYTES = 16, 8


class TicketTokens:
    """Makes and checks tokens under one server secret; another secret invalidates all of them."""

    def __init__(self, secret: SecretStr) -> None:
        self._key = _derive(secret, _ACCESS)

    def issue(self, ticket_id: str, conversation_id: UUID) -> str:
        """43 URL-safe characters that open this ticket and no other."""
        return _encode(hmac.digest(self._key, f"{ticket_id}\n{conversation_id}".encode(), hashlib.sha256))

    def opens(self, token: str, ticket_id: str, conversation_id: UUID) -> bool:
        """Compare in constant time."""
        expected = self.issue(ticket_id, conversation_id).encode()
        return hmac.compare_digest(expected, token.encode("utf-8", "surrogatepass"))


class ConfirmationTokens:
    """Tokens that confirm one address and do nothing else, under a key of their own. They end by themselves."""

    def __init__(self, secret: SecretStr) -> None:
        self._key = _derive(secret, _CONFIRM)

    def issue(self, confirmation_id: ConfirmationId, expires_at: datetime) -> str:
        """75 URL-safe characters: the id, when it ends, and the signature of both."""
        said = confirmation_id.bytes + int(expires_at.timestamp()).to_bytes(_TIME_BYTES, "big")
        return _encode(said + self._sign(said))

    def read(self, token: str, now: datetime) -> ConfirmationId:
        """The confirmation that the token is for. Raises NotFound when it is not ours or has ended."""
        gone = NotFound("this link is not valid, or has expired")
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise gone from error
        said, signature = raw[: _ID_BYTES + _TIME_BYTES], raw[_ID_BYTES + _TIME_BYTES :]
        if len(said) < _ID_BYTES + _TIME_BYTES or not hmac.compare_digest(signature, self._sign(said)):
            raise gone
        if datetime.fromtimestamp(int.from_bytes(said[_ID_BYTES:], "big"), UTC) <= now:
            raise gone
        return ConfirmationId(UUID(bytes=said[:_ID_BYTES]))

    def _sign(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, hashlib.sha256)


def _derive(secret: SecretStr, purpose: bytes) -> bytes:
    return hmac.digest(secret.get_secret_value().encode(), purpose, hashlib.sha256)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
