"""Pushes of the offline mode: signed with a key of this installation, and verified as Google's are."""

from __future__ import annotations

import base64
import json
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

from channels.gmail.push import GivenCertificates, PushRules, PushVerifier

LOCAL_ACCOUNT = "push@fte.invalid"
LOCAL_ISSUER = "https://fte.invalid"
_KEY_ID = "local"
_TOKEN_FOR_S = 300


def make_key() -> str:
    """A new private key in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def local_verifier(private_key: str, audience: str) -> PushVerifier:
    """Verifies what `sign_push` signs with the same key. Without a key it lets nothing through."""
    if not private_key:
        return PushVerifier(PushRules("", ""), GivenCertificates({}))
    rules = PushRules(audience, LOCAL_ACCOUNT, frozenset({LOCAL_ISSUER}))
    return PushVerifier(rules, GivenCertificates({_KEY_ID: _public_key(private_key)}))


def sign_push(private_key: str, audience: str) -> str:
    """The value of the Authorization header."""
    now = int(time.time())
    claims = {
        "iss": LOCAL_ISSUER,
        "aud": audience,
        "email": LOCAL_ACCOUNT,
        "email_verified": True,
        "iat": now,
        "exp": now + _TOKEN_FOR_S,
    }
    token = jwt.encode(crypt.RSASigner.from_string(private_key, _KEY_ID), claims)
    return f"Bearer {token.decode('ascii')}"


def make_push(mailbox: str, history_id: int) -> bytes:
    """The body of a push as Pub/Sub makes it."""
    data = json.dumps({"emailAddress": mailbox, "historyId": history_id}).encode()
    message = {"data": base64.b64encode(data).decode("ascii"), "messageId": str(history_id)}
    return json.dumps({"message": message, "subscription": "projects/local/subscriptions/local"}).encode()


def _public_key(private_key: str) -> str:
    key = serialization.load_pem_private_key(private_key.encode(), password=None)
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode("ascii")
    )
