"""Pub/Sub's pushes at the HTTP door: proven, committed as a hint, answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from agent.errors import DatabaseAway
from channels.gmail.local_push import local_verifier, make_key, make_push, sign_push
from crm.database import Database
from crm.mailboxes import Mailboxes
from deployments.web.pushes import Pushes
from tests.integration.http_spine import http_client, services_for

ADDRESS, AUDIENCE, KEY = "support@example.com", "http://fte.test/webhooks/gmail", make_key()


def signed() -> dict[str, str]:
    """Signed when it is sent: a push's token is good for five minutes, a run of the tests takes longer."""
    return {"Authorization": sign_push(KEY, AUDIENCE)}


@pytest.fixture
async def mailboxes(database: Database) -> Mailboxes:
    """Of a mailbox that was synced a minute ago, so that nothing but a hint makes it due."""
    mailboxes = Mailboxes(database)
    await mailboxes.connect(ADDRESS)
    claim = await mailboxes.claim(ADDRESS)
    assert claim is not None
    await mailboxes.advance(claim, 1000)
    await mailboxes.finish(claim)
    async with database.connection() as connection:
        await connection.execute("UPDATE mailboxes SET synced_at = now() - interval '1 minute'")
    return mailboxes


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    services = services_for(database, pushes=Pushes(ADDRESS, local_verifier(KEY, AUDIENCE)))
    async with http_client(services) as client:
        yield client


async def test_a_push_makes_its_mailbox_due_before_it_is_answered(
    client: httpx.AsyncClient, mailboxes: Mailboxes
) -> None:
    assert await mailboxes.claim(ADDRESS) is None
    answer = await client.post("/webhooks/gmail", content=make_push(ADDRESS, 2000), headers=signed())
    assert (answer.status_code, answer.content) == (204, b"")
    claim = await mailboxes.claim(ADDRESS)
    assert claim is not None
    assert claim.cursor == 1000, "from where is ours to know, not the push's"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer x"}, {"Authorization": sign_push(make_key(), AUDIENCE)}],
    ids=["none", "empty", "garbage", "another key"],
)
async def test_a_push_that_proves_nothing_changes_nothing(
    client: httpx.AsyncClient, mailboxes: Mailboxes, headers: dict[str, str]
) -> None:
    answer = await client.post("/webhooks/gmail", content=make_push(ADDRESS, 2000), headers=headers)
    assert answer.status_code == 403
    assert await mailboxes.claim(ADDRESS) is None


async def test_without_a_configuration_no_push_is_let_in(database: Database) -> None:
    async with http_client(services_for(database)) as client:
        answer = await client.post("/webhooks/gmail", content=make_push(ADDRESS, 2000), headers=signed())
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        make_push(ADDRESS, 1),
        make_push("somebody@else.example", 2000),
        make_push("", 2000),
        b"",
        b"no JSON",
        b'{"message": {"data": "!"}}',
        b"x" * 100_000,
    ],
    ids=["stale", "unknown mailbox", "no mailbox", "empty", "no JSON", "no base64", "too large"],
)
async def test_a_proven_push_is_answered_well_whatever_it_says(
    client: httpx.AsyncClient, mailboxes: Mailboxes, body: bytes
) -> None:
    """One that is refused comes again for ever, and others wait behind it."""
    assert (await client.post("/webhooks/gmail", content=body, headers=signed())).status_code == 204


async def test_a_push_for_another_mailbox_makes_none_due(client: httpx.AsyncClient, mailboxes: Mailboxes) -> None:
    await mailboxes.connect("other@example.com")
    for mailbox in ("other@example.com", "somebody@else.example"):
        await client.post("/webhooks/gmail", content=make_push(mailbox, 2000), headers=signed())
    assert await mailboxes.claim(ADDRESS) is None
    states = {state.mailbox for state in await mailboxes.fetch_states()}
    assert states == {ADDRESS, "other@example.com"}, "and nobody makes a mailbox by a push"


async def test_the_same_push_a_hundred_times_is_one_hint(client: httpx.AsyncClient, mailboxes: Mailboxes) -> None:
    push = make_push(ADDRESS, 2000)
    headers = signed()
    answers = await asyncio.gather(*(client.post("/webhooks/gmail", content=push, headers=headers) for _ in range(100)))
    assert {answer.status_code for answer in answers} == {204}
    claim = await mailboxes.claim(ADDRESS)
    assert claim is not None
    await mailboxes.finish(claim)
    assert await mailboxes.claim(ADDRESS) is None


async def test_a_push_that_could_not_be_committed_is_to_come_again(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: Mailboxes, mailbox: str) -> None:
        raise DatabaseAway("the database does not answer")

    monkeypatch.setattr(Mailboxes, "record_hint", away)
    answer = await client.post("/webhooks/gmail", content=make_push(ADDRESS, 2000), headers=signed())
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers


async def test_a_refused_push_leaves_a_trace_without_its_token(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    token = sign_push(make_key(), AUDIENCE)
    for _ in range(3):
        answer = await client.post("/webhooks/gmail", content=make_push(ADDRESS, 7), headers={"Authorization": token})
        assert answer.status_code == 403
    told = [each.getMessage() for each in caplog.records if "webhook was refused" in each.getMessage()]
    assert len(told) == 1
    assert token.removeprefix("Bearer ") not in told[0]
