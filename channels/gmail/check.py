"""Whether Gmail is set up, step by step against the live API, in the order of docs/howto/gmail.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import httpx

from agent.channel_health import Check, CheckResult
from agent.errors import NeedsReauth
from channels.gmail.client import GmailAccount, GmailClient
from channels.gmail.credentials import describe_credentials, load_credentials
from channels.mail.records import Mailbox
from channels.mail.writing import compose_new

_GUIDE = "docs/howto/gmail.md"
_WEBHOOK = "/webhooks/gmail"


@dataclass(frozen=True, slots=True)
class PushSetup:
    """What Pub/Sub's push subscription must be made with. `base_url` is where the public reaches us."""

    base_url: str
    account: str
    audience: str
    poll_s: float


def gmail_checks(account: GmailAccount, push: PushSetup) -> Sequence[Check]:
    """Each opens a connection of its own. None sends mail; a draft that one makes is deleted again."""
    return (
        Check("credentials file", lambda: _check_file(account), blocks=True),
        Check("sign-in", lambda: _check_sign_in(account), blocks=True),
        Check("reading", lambda: _check_reading(account)),
        Check("sending", lambda: _check_sending(account)),
        Check("notifications", lambda: _check_watch(account, push)),
        Check("push settings", lambda: _check_push_settings(account, push)),
        Check("push endpoint", lambda: _check_endpoint(push)),
    )


@asynccontextmanager
async def _client(account: GmailAccount) -> AsyncIterator[GmailClient]:
    client = GmailClient(account, threads=1)
    try:
        yield client
    finally:
        await client.close()


async def _check_file(account: GmailAccount) -> CheckResult:
    load_credentials(account.credentials_path, account.mailbox, account.api_url)
    return CheckResult(True, f"{account.credentials_path} holds {describe_credentials(account.credentials_path)}")


async def _check_sign_in(account: GmailAccount) -> CheckResult:
    async with _client(account) as client:
        try:
            profile = await client.fetch_profile()
        except NeedsReauth as error:
            return CheckResult(
                False,
                str(error),
                "Authorise the mailbox anew. A consent screen in testing ends after 7 days; a service account needs "
                f"domain-wide delegation for the scope gmail.modify, and the Gmail API must be enabled. See {_GUIDE}.",
            )
    if profile.address != account.mailbox:
        return CheckResult(
            False,
            "the credentials open another mailbox than FTE_GMAIL_MAILBOX names",
            "Set FTE_GMAIL_MAILBOX to the mailbox's own address (no alias), or authorise the right account.",
        )
    return CheckResult(True, "Google accepts the credentials, and they open FTE_GMAIL_MAILBOX")


async def _check_reading(account: GmailAccount) -> CheckResult:
    async with _client(account) as client:
        profile = await client.fetch_profile()
        async for _ in client.history(profile.history_id):
            pass
    return CheckResult(True, "the mailbox's history can be read")


async def _check_sending(account: GmailAccount) -> CheckResult:
    """As far as can be seen without sending: the scope that makes drafts sends them too."""
    own = Mailbox(account.mailbox, "")
    raw = compose_new(
        sender=own,
        to=own,
        subject="A draft of fte channels check",
        text="This draft is deleted at once.",
        token=f"check.{uuid4().hex}",
        sent_at=datetime.now(UTC),
    )
    async with _client(account) as client:
        try:
            await client.delete_draft(await client.create_draft(raw, ""))
        except NeedsReauth as error:
            return CheckResult(
                False, str(error), f"Authorise the scope https://www.googleapis.com/auth/gmail.modify; see {_GUIDE}."
            )
    return CheckResult(True, "drafts can be made; nothing was sent")


async def _check_watch(account: GmailAccount, push: PushSetup) -> CheckResult:
    if not account.topic:
        return CheckResult(True, f"no GMAIL_PUBSUB_TOPIC: the mailbox is looked into every {push.poll_s:g} s instead")
    async with _client(account) as client:
        try:
            watch = await client.watch()
        except NeedsReauth as error:
            return CheckResult(
                False,
                f"Gmail may not publish to {account.topic}: {error}",
                "Grant gmail-api-push@system.gserviceaccount.com the role Pub/Sub Publisher on the topic; the topic "
                "must belong to the project of the credentials.",
            )
    assert watch is not None, "a topic is set"
    return CheckResult(True, f"Gmail notifies until {watch.expires_at:%Y-%m-%d %H:%M} UTC; that is renewed daily")


async def _check_push_settings(account: GmailAccount, push: PushSetup) -> CheckResult:
    if not account.topic:
        return CheckResult(True, "none needed without a topic")
    if not push.account:
        return CheckResult(
            False,
            "FTE_GMAIL_PUSH_ACCOUNT is not set, so that every push is refused",
            "Set it to the e-mail of the service account that the push subscription authenticates with.",
        )
    if not push.base_url.startswith("https://"):
        return CheckResult(
            False, "API_BASE_URL is not an https address, and Pub/Sub pushes to no other", "Set API_BASE_URL."
        )
    return CheckResult(True, f"pushes must be signed by {push.account} for {push.audience}")


async def _check_endpoint(push: PushSetup) -> CheckResult:
    """A push without a token must reach us and be refused."""
    address = f"{push.base_url}{_WEBHOOK}"
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.post(address, json={})
    except httpx.HTTPError as error:
        return CheckResult(
            False,
            f"{address} does not answer ({type(error).__name__})",
            "Start the system, and let API_BASE_URL lead to it from outside.",
        )
    if answer.status_code != 403:
        return CheckResult(
            False,
            f"{address} answers {answer.status_code} to a push without a token, not 403",
            "Something else answers there; see to it that the path reaches the FTE unchanged.",
        )
    return CheckResult(True, f"{address} answers, and refuses what is not signed")
