"""Pub/Sub's push: who sends it is proven by its token, and it only hints that there may be new mail.

https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions: an audience alone is anybody's with a project of
their own, so the service account's address counts too, and that Google has verified it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urljoin

import httpx
from google.auth import jwt

from agent.errors import DependencyAway, SignatureInvalid

GOOGLE_ISSUERS = frozenset({"accounts.google.com", "https://accounts.google.com"})
_GOOGLE_CERTS = "https://www.googleapis.com/"
_CERTS_PATH = "oauth2/v1/certs"
_CLOCK_SKEW_S = 10
_CERTS_FOR_S = 3600.0
_AGAIN_AFTER_S = 60.0
_MAX_AGE = re.compile(r"max-age=(\d{1,6})")
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class PushRules:
    """What a push must prove. Where one of them is empty, nothing does."""

    audience: str
    account: str
    issuers: frozenset[str] = GOOGLE_ISSUERS


class Certificates(Protocol):
    async def find(self, key_id: str) -> Mapping[str, str]:
        """Public keys or certificates in PEM by key id, fetched anew where that one is not among them.

        Raises DependencyAway.
        """
        ...


class GivenCertificates:
    """Keys that are known from the start."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)

    async def find(self, key_id: str) -> Mapping[str, str]:
        return self._keys


class GoogleCertificates:
    """Google's, kept as long as their answer allows. For a key that is not among them it asks once a minute at most."""

    def __init__(self, api_url: str = "", timeout_s: float = 5.0) -> None:
        """`api_url` stands in for Google's servers."""
        self._url = urljoin(f"{api_url.rstrip('/')}/" if api_url else _GOOGLE_CERTS, _CERTS_PATH)
        self._client = httpx.AsyncClient(timeout=timeout_s, trust_env=not api_url)
        self._fetching: asyncio.Task[None] | None = None
        self._keys: Mapping[str, str] = {}
        self._until = 0.0
        self._fetched_at = float("-inf")

    async def find(self, key_id: str) -> Mapping[str, str]:
        if self._stale(key_id):
            # Whoever asks meanwhile shares what comes of it: a Google that hangs must not be waited for in a row.
            if self._fetching is None or self._fetching.done():
                self._fetching = asyncio.create_task(self._fetch())
            await asyncio.shield(self._fetching)
        return self._keys

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        await self._client.aclose()

    def _stale(self, key_id: str) -> bool:
        now = time.monotonic()
        return now >= self._until or (key_id not in self._keys and now - self._fetched_at >= _AGAIN_AFTER_S)

    async def _fetch(self) -> None:
        try:
            answer = await self._client.get(self._url)
            answer.raise_for_status()
            keys = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise DependencyAway("Google's certificates cannot be fetched") from error
        if not isinstance(keys, dict) or not all(isinstance(each, str) for each in keys.values()):
            raise DependencyAway("what Google answers are no certificates")
        age = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        self._keys = keys
        self._fetched_at = time.monotonic()
        self._until = self._fetched_at + (float(age[1]) if age else _CERTS_FOR_S)


class PushVerifier:
    """For one process; it keeps certificates."""

    def __init__(self, rules: PushRules, certificates: Certificates) -> None:
        self._rules = rules
        self._certificates = certificates

    async def verify(self, authorization: str) -> None:
        """Check the header of a push. Raises SignatureInvalid, and DependencyAway where no certificate is at hand."""
        rules = self._rules
        if not rules.audience or not rules.account:
            raise SignatureInvalid("pushes cannot be verified: FTE_GMAIL_PUSH_ACCOUNT is not set")
        if not authorization[: len(_BEARER)].lower() == _BEARER:
            raise SignatureInvalid("the push carries no token")
        token = authorization[len(_BEARER) :].strip()
        key_id = _key_id_of(token)
        certificates = await self._certificates.find(key_id)
        claims = _decode(token, certificates, rules.audience)
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in rules.issuers:
            raise SignatureInvalid("the push's token is of another issuer")
        if claims.get("email") != rules.account or claims.get("email_verified") is not True:
            raise SignatureInvalid("the push's token is of another account")


def parse_push(body: bytes) -> str | None:
    """The mailbox that a push tells of, in lower case; None for what is no push of Gmail's.

    https://developers.google.com/workspace/gmail/api/guides/push: data is base64 of {"emailAddress", "historyId"}.
    """
    try:
        data = json.loads(body)["message"]["data"]
        hint = json.loads(base64.b64decode(data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4)))
        address, history_id = hint["emailAddress"], hint["historyId"]
        int(history_id)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return address.lower() if isinstance(address, str) and address else None


def _key_id_of(token: str) -> str:
    try:
        key_id = jwt.decode_header(token).get("kid", "")
    except Exception as error:  # whatever cannot be read proves nothing
        raise SignatureInvalid("the push's token cannot be read") from error
    return key_id if isinstance(key_id, str) else ""


def _decode(token: str, certificates: Mapping[str, str], audience: str) -> Mapping[str, Any]:
    """The claims of a token whose signature, times and audience are right. Raises SignatureInvalid."""
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token, certs=dict(certificates), audience=audience, clock_skew_in_seconds=_CLOCK_SKEW_S
        )
    except Exception as error:  # as above
        raise SignatureInvalid("the push's token does not verify") from error
    return claims
