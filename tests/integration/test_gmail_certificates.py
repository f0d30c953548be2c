"""Google's certificates are fetched when needed, kept as long as Google says, and followed when they change."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from google.auth import crypt, jwt

from agent.errors import DependencyAway, SignatureInvalid
from channels.gmail import push
from channels.gmail.local_push import _public_key, make_key
from channels.gmail.push import GoogleCertificates, PushRules, PushVerifier
from tests.fakes.gmail_server import FakeGmail, Fault, serve_gmail

RULES = PushRules("https://support.example.com/webhooks/gmail", "push@p.iam.gserviceaccount.com")
OLD, NEW = make_key(), make_key()


@pytest.fixture
def google() -> Iterator[FakeGmail]:
    with serve_gmail(FakeGmail(certificates={"old": _public_key(OLD)})) as google:
        yield google


@pytest.fixture
async def verifier(google: FakeGmail) -> AsyncIterator[PushVerifier]:
    certificates = GoogleCertificates(google.url)
    yield PushVerifier(RULES, certificates)
    await certificates.close()


def token(key: str, key_id: str) -> str:
    now = int(time.time())
    claims = {"iss": "https://accounts.google.com", "aud": RULES.audience, "email": RULES.account}
    claims |= {"email_verified": True, "iat": now, "exp": now + 300}  # type: ignore[dict-item]
    return f"Bearer {jwt.encode(crypt.RSASigner.from_string(key, key_id), claims).decode()}"


async def test_many_pushes_at_once_fetch_them_once(google: FakeGmail, verifier: PushVerifier) -> None:
    await asyncio.gather(*(verifier.verify(token(OLD, "old")) for _ in range(20)))
    assert google.certificate_requests == 1


async def test_many_pushes_at_once_share_a_failure_too(google: FakeGmail, verifier: PushVerifier) -> None:
    google.fail("certificates", Fault(500))
    ends = await asyncio.gather(*(verifier.verify(token(OLD, "old")) for _ in range(20)), return_exceptions=True)
    assert [type(end) for end in ends] == [DependencyAway] * 20
    assert google.certificate_requests == 1


async def test_a_new_key_of_googles_is_found(
    google: FakeGmail, verifier: PushVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    await verifier.verify(token(OLD, "old"))
    google.certificates = {"new": _public_key(NEW)}
    with pytest.raises(SignatureInvalid):
        await verifier.verify(token(NEW, "new"))
    assert google.certificate_requests == 1, "a stranger's key id does not make us ask each time"
    monkeypatch.setattr(push, "_AGAIN_AFTER_S", 0.0)
    await verifier.verify(token(NEW, "new"))
    with pytest.raises(SignatureInvalid):
        await verifier.verify(token(OLD, "old"))


async def test_certificates_that_ran_out_are_fetched_anew(google: FakeGmail, verifier: PushVerifier) -> None:
    google.certificates_for_s = 0
    await verifier.verify(token(OLD, "old"))
    await verifier.verify(token(OLD, "old"))
    assert google.certificate_requests == 2


async def test_without_certificates_nothing_is_let_in_and_the_push_may_come_again(
    google: FakeGmail, verifier: PushVerifier
) -> None:
    google.fail("certificates", Fault(500))
    with pytest.raises(DependencyAway):
        await verifier.verify(token(OLD, "old"))
    await verifier.verify(token(OLD, "old"))
