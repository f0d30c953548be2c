"""Sessions of the desk's page: the operator key is given once, and a script in the page can read neither it nor the
session.

A session is a signed cookie, so that any replica reads what another one issued and nothing is stored. Its key comes
from the operator key: another operator key ends every session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

SESSION_COOKIE = "fte_desk"
LIFETIME_S = 12 * 3600
CSRF_HEADER = "X-CSRF-Token"
_PURPOSE = b"fte desk session 1"
_NAME = re.compile(r"[^\W_][\w .'@+-]{0,63}")


def _check_name(name: str) -> str:
    name = unicodedata.normalize("NFC", " ".join(name.split()))
    if not _NAME.fullmatch(name):
        raise ValueError("must be 1 to 64 letters, digits, spaces or . _ ' @ + -, beginning with a letter or digit")
    return name


class SignIn(BaseModel):
    """The operator key, and the name under which a person takes conversations over."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, str_strip_whitespace=True)

    name: Annotated[str, StringConstraints(max_length=64), AfterValidator(_check_name), Field(title="Your name")]
    key: Annotated[SecretStr, Field(max_length=1_000, title="Operator key")]


@dataclass(frozen=True, slots=True)
class DeskSession:
    """Who is signed in. `csrf_token` must come back with every request that changes something."""

    operator: str
    expires_at: datetime
    csrf_token: str


class DeskSessions:
    """Issues and reads session cookies under one operator key; with an empty key there are none."""

    def __init__(self, operator_key: SecretStr, lifetime_s: float = LIFETIME_S) -> None:
        given = operator_key.get_secret_value().encode()
        self._key = hmac.digest(given, _PURPOSE, hashlib.sha256) if given else None
        self._lifetime_s = lifetime_s

    def issue(self, operator: str) -> str:
        """The value of a new session's cookie."""
        claims = {"operator": operator, "ends": int(time.time() + self._lifetime_s), "nonce": secrets.token_hex(8)}
        payload = _encode(json.dumps(claims, separators=(",", ":")).encode())
        return f"{payload}.{self._sign('session', payload)}"

    def read(self, cookie: str) -> DeskSession | None:
        """The session of a cookie that this key signed and that has not ended."""
        payload, _, signature = cookie.partition(".")
        if self._key is None or not payload.isascii():
            return None
        expected = self._sign("session", payload)
        if not hmac.compare_digest(signature.encode("utf-8", "surrogatepass"), expected.encode()):
            return None
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if claims["ends"] <= time.time():
            return None
        return DeskSession(
            operator=claims["operator"],
            expires_at=datetime.fromtimestamp(claims["ends"], UTC),
            csrf_token=self._sign("csrf", payload),
        )

    def _sign(self, purpose: str, payload: str) -> str:
        assert self._key is not None, "asked for with a key only"
        return _encode(hmac.digest(self._key, f"{purpose}\n{payload}".encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
