"""Access tokens of tickets: computed, never stored, so that a repeated submission gets the same answer."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

from pydantic import SecretStr

_PURPOSE = b"fte ticket access 1"


class TicketTokens:
    """Makes and checks tokens under one server secret; another secret invalidates all of them."""

    def __init__(self, secret: SecretStr) -> None:
        self._key = hmac.digest(secret.get_secret_value().encode(), _PURPOSE, hashlib.sha256)

    def issue(self, ticket_id: str, conversation_id: UUID) -> str:
        """43 URL-safe characters that open this ticket and no other."""
        mac = hmac.digest(self._key, f"{ticket_id}\n{conversation_id}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    def opens(self, token: str, ticket_id: str, conversation_id: UUID) -> bool:
        """Compare in constant time."""
        expected = self.issue(ticket_id, conversation_id).encode()
        return hmac.compare_digest(expected, token.encode("utf-8", "surrogatepass"))
