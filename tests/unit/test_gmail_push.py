"""Pushes prove who sends them, and say no more than that there may be news."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest
from google.auth import crypt, jwt

from agent.errors import DependencyAway, SignatureInvalid
from channels.gmail.local_push import LOCAL_ACCOUNT, local_verifier, make_key, make_push, sign_push
from channels.gmail.push import GOOGLE_ISSUERS, GivenCertificates, PushRules, PushVerifier, parse_push

AUDIENCE = "https://support.example.com/webhooks/gmail"
ACCOUNT = "pushes@a-project.iam.gserviceaccount.com"
KEY, FOREIGN_KEY = make_key(), make_key()


def public_half(key: str) -> str:
    from channels.gmail.local_push import _public_key

    return _public_key(key)


def google_like() -> PushVerifier:
    return PushVerifier(PushRules(AUDIENCE, ACCOUNT), GivenCertificates({"key-1": public_half(KEY)}))


def token(key: str = KEY, key_id: str | None = "key-1", **changes: Any) -> str:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": ACCOUNT,
        "email_verified": True,
        "sub": "113",
        "iat": now,
        "exp": now + 3600,
    }
    claims |= changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return "Bearer " + jwt.encode(crypt.RSASigner.from_string(key, key_id), claims, key_id=key_id).decode()


async def refused(verifier: PushVerifier, authorization: str) -> bool:
    try:
        await verifier.verify(authorization)
    except SignatureInvalid:
        return True
    return False


async def test_a_push_of_the_configured_account_is_let_in() -> None:
    for issuer in GOOGLE_ISSUERS:
        await google_like().verify(token(iss=issuer))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://somebody-else.example.com/webhooks/gmail"},
        {"aud": None},
        {"aud": [AUDIENCE, "another"]},
        {"email": "pushes@an-attackers-project.iam.gserviceaccount.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"iss": "https://accounts.example.com"},
        {"iss": None},
        {"iss": ["https://accounts.google.com"]},
        {"exp": -600, "iat": -4200},
        {"exp": None},
        {"exp": "later"},
        {"iat": 3600},
    ],
    ids=str,
)
async def test_a_token_that_is_right_but_for_one_claim_is_refused(claims: Mapping[str, Any]) -> None:
    """Times are in seconds from now."""
    now = int(time.time())
    times = {name: now + claims[name] for name in ("exp", "iat") if isinstance(claims.get(name), int)}
    assert await refused(google_like(), token(**{**claims, **times}))


async def test_a_token_that_somebody_else_signed_is_refused() -> None:
    assert await refused(google_like(), token(FOREIGN_KEY))
    assert await refused(google_like(), token(FOREIGN_KEY, key_id=None))
    assert await refused(google_like(), token(key_id="key-2"))


async def test_a_token_whose_signature_was_taken_off_is_refused() -> None:
    head, body, _ = token().removeprefix("Bearer ").split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","kid":"key-1"}').decode().rstrip("=")
    for forged in (f"{head}.{body}.", f"{unsigned}.{body}.", f"{unsigned}.{body}.x"):
        assert await refused(google_like(), f"Bearer {forged}")


async def test_a_public_key_is_no_secret_to_sign_with() -> None:
    """HS256 with the published key as its secret must not pass for RS256."""
    import hashlib
    import hmac

    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"key-1"}').rstrip(b"=")
    body = token().split(".")[1].encode()
    mac = hmac.digest(public_half(KEY).encode(), head + b"." + body, hashlib.sha256)
    forged = b".".join([head, body, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
    assert await refused(google_like(), f"Bearer {forged}")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer \x00.é.ü"]
)
async def test_what_is_no_token_is_refused(header: str) -> None:
    assert await refused(google_like(), header)


@pytest.mark.parametrize("rules", [PushRules("", ACCOUNT), PushRules(AUDIENCE, ""), PushRules("", "")])
async def test_an_installation_that_is_not_configured_lets_nothing_in(rules: PushRules) -> None:
    """Claims that are empty too must not match what is not configured."""
    verifier = PushVerifier(rules, GivenCertificates({"key-1": public_half(KEY)}))
    assert await refused(verifier, token())
    assert await refused(verifier, token(aud="", email=""))


async def test_where_no_certificate_can_be_had_the_push_is_to_come_again() -> None:
    class Away:
        async def find(self, key_id: str) -> Mapping[str, str]:
            raise DependencyAway("away")

    with pytest.raises(DependencyAway):
        await PushVerifier(PushRules(AUDIENCE, ACCOUNT), Away()).verify(token())


async def test_the_offline_mode_verifies_with_its_own_key_only() -> None:
    verifier = local_verifier(KEY, AUDIENCE)
    await verifier.verify(sign_push(KEY, AUDIENCE))
    assert await refused(verifier, sign_push(FOREIGN_KEY, AUDIENCE))
    assert await refused(verifier, sign_push(KEY, "https://elsewhere.example.com"))
    assert await refused(verifier, token(key_id="local", email=LOCAL_ACCOUNT))
    assert await refused(verifier, "")
    assert await refused(local_verifier("", AUDIENCE), sign_push(KEY, AUDIENCE))


def test_a_push_names_its_mailbox() -> None:
    assert parse_push(make_push("Support@Example.com", 17)) == "support@example.com"


def push_of(data: object) -> bytes:
    return json.dumps({"message": {"data": data}}).encode()


def encoded(hint: object) -> str:
    return base64.b64encode(json.dumps(hint).encode()).decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"message": 1}',
        b"[" * 100_000,
        push_of(None),
        push_of(7),
        push_of("not base64 !"),
        push_of(base64.b64encode(b"\xff").decode()),
        push_of(encoded([])),
        push_of(encoded({"emailAddress": "support@example.com"})),
        push_of(encoded({"emailAddress": ["support@example.com"], "historyId": 7})),
        push_of(encoded({"emailAddress": "", "historyId": 7})),
        push_of(encoded({"emailAddress": "support@example.com", "historyId": "soon"})),
        push_of(encoded({"emailAddress": "support@example.com", "historyId": None})),
    ],
    ids=range(17),
)
def test_what_is_no_push_names_none(body: bytes) -> None:
    assert parse_push(body) is None
