"""Signing in to the desk: a cookie that no script reads, and nothing done for another site."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from crm.database import Database
from crm.work import WorkQueue
from deployments.web.desk_streams import DeskStreams
from deployments.web.key_guesses import KeyGuesses
from deployments.web.senders import Senders
from deployments.web.services import IngressServices, connect_services
from deployments.web.sessions import DeskSessions
from tests.integration.http_spine import OPERATOR, OPERATOR_KEY, SUBMISSION, answer_due, http_client, services_for
from tests.integration.spine import escalate

GRACE = {"name": "Grace Hopper", "key": OPERATOR_KEY}


async def make_escalation(client: httpx.AsyncClient, database: Database) -> str:
    await client.post("/support/submit", json=SUBMISSION)
    await answer_due(database, escalate)
    (escalation,) = (await client.get("/escalations?status=open", headers=OPERATOR)).json()["escalations"]
    return f"/conversations/{escalation['conversation_id']}"


async def test_cookie_is_out_of_reach_of_scripts_and_other_sites(client: httpx.AsyncClient) -> None:
    answer = await client.post("/desk/session", json=GRACE)
    assert answer.status_code == 200
    assert answer.json()["operator"] == "Grace Hopper"
    cookie = answer.headers["set-cookie"]
    for rule in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert rule in cookie
    assert "Secure" not in cookie, "on a laptop there is no TLS"
    assert OPERATOR_KEY not in cookie
    by_tls = await client.post("/desk/session", json=GRACE, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in by_tls.headers["set-cookie"]


async def test_session_acts_under_its_name_whatever_a_header_says(
    client: httpx.AsyncClient, database: Database
) -> None:
    path = await make_escalation(client, database)
    token = (await client.post("/desk/session", json=GRACE)).json()["csrf_token"]
    assert len((await client.get("/escalations")).json()["escalations"]) == 1
    taken = await client.post(f"{path}/take", headers={"X-CSRF-Token": token, "X-Operator": "Somebody"})
    assert taken.json()["owner"] == "Grace Hopper"
    assert (await client.get("/desk/session")).json()["csrf_token"] == token


async def test_who_tries_many_keys_has_to_wait_even_with_the_right_one(services: IngressServices) -> None:
    now = 0.0
    guesses = KeyGuesses(of_unknown=3, clock=lambda: now)
    async with http_client(replace(services, guesses=guesses)) as client:
        for key in ("a", "b", "c"):
            assert (await client.post("/desk/session", json={**GRACE, "key": key})).status_code == 401
        refused = await client.post("/desk/session", json=GRACE)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "60"
        assert refused.json()["detail"] == "too many wrong operator keys; try again in a minute"
        assert (await client.get("/escalations", headers=OPERATOR)).status_code == 200, "scripts are not locked out"
        now = 61.0
        assert (await client.post("/desk/session", json=GRACE)).status_code == 200


async def test_a_known_sender_of_wrong_keys_waits_alone_and_at_every_door(services: IngressServices) -> None:
    senders = Senders(("127.0.0.0/8",), SecretStr("s"))
    guesses = KeyGuesses(per_sender=2)
    stranger, friend = ({"X-Forwarded-For": address} for address in ("203.0.113.7", "203.0.113.8"))
    wrong = {"Authorization": "Bearer guess"}
    async with http_client(replace(services, guesses=guesses, senders=senders)) as client:
        assert (await client.get("/escalations", headers=stranger)).status_code == 401, "no key is no guess"
        for _ in range(2):
            assert (await client.get("/escalations", headers={**stranger, **wrong})).status_code == 401
        assert (await client.get("/escalations", headers={**stranger, **OPERATOR})).status_code == 429
        assert (await client.post("/desk/session", json=GRACE, headers=stranger)).status_code == 429
        assert (await client.get("/escalations", headers={**friend, **OPERATOR})).status_code == 200
        assert (await client.post("/desk/session", json=GRACE, headers=friend)).status_code == 200


async def test_cookie_alone_changes_nothing(client: httpx.AsyncClient, database: Database) -> None:
    path = await make_escalation(client, database)
    own = (await client.post("/desk/session", json=GRACE)).json()["csrf_token"]
    other = (await client.post("/desk/session", json=GRACE)).json()["csrf_token"]
    assert own != other
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": own}, {"X-CSRF-Token": OPERATOR_KEY}):
        for action in ("take", "reply", "hand-back", "resolve", "triage"):
            refused = await client.post(f"{path}/{action}", json={"message": "x"}, headers=headers)
            assert refused.status_code == 403, (action, headers)
    assert (await client.get(path)).json()["owner"] is None
    assert (await client.delete("/desk/session")).status_code == 403


async def test_signing_out_ends_it_here(client: httpx.AsyncClient) -> None:
    token = (await client.post("/desk/session", json=GRACE)).json()["csrf_token"]
    assert (await client.delete("/desk/session", headers={"X-CSRF-Token": token})).status_code == 204
    assert (await client.get("/desk/session")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "Grace", "key": "wrong"}, 401, None),
        ({"name": "Grace", "key": ""}, 401, None),
        ({"name": "", "key": OPERATOR_KEY}, 422, "name"),
        ({"name": " - ", "key": OPERATOR_KEY}, 422, "name"),
        ({"name": "<b>", "key": OPERATOR_KEY}, 422, "name"),
        ({"name": "x" * 65, "key": OPERATOR_KEY}, 422, "name"),
        ({"name": "Grace", "key": "x" * 1001}, 422, "key"),
        ({"name": "Grace"}, 422, "key"),
        ({"name": "Grace", "key": OPERATOR_KEY, "role": "admin"}, 422, "role"),
    ],
)
async def test_what_cannot_sign_in_is_told_why(
    client: httpx.AsyncClient, body: dict[str, Any], status: int, field: str | None
) -> None:
    refused = await client.post("/desk/session", json=body)
    assert refused.status_code == status
    assert "set-cookie" not in refused.headers
    assert OPERATOR_KEY not in refused.text
    if field is not None:
        assert refused.json()["detail"][0]["field"] == field


@pytest.mark.parametrize("name", ["Zoë Müller-Ångström", "José", "王芳", "O'Brien", "a@example.com"])
async def test_people_sign_in_under_their_own_names(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.post("/desk/session", json={"name": f" {name} ", "key": OPERATOR_KEY})
    assert answer.json()["operator"] == name


async def test_forged_and_ended_sessions_open_nothing(database: Database) -> None:
    key = SecretStr(OPERATOR_KEY)
    good = DeskSessions(key).issue("Grace")
    payload, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    edited = base64.urlsafe_b64encode(json.dumps({**claims, "operator": "Edgar"}).encode()).decode().rstrip("=")
    bad = {
        "edited": f"{edited}.{signature}",
        "of another key": DeskSessions(SecretStr("another key")).issue("Grace"),
        "ended": DeskSessions(key, lifetime_s=-1).issue("Grace"),
        "csrf token as signature": f"{payload}.{DeskSessions(key).read(good).csrf_token}",  # type: ignore[union-attr]
        "unsigned": payload,
        "nothing": ".",
        "nonsense": "ÿ.ÿ",
    }
    for what, cookie in bad.items():
        assert DeskSessions(key).read(cookie) is None, what
    async with http_client(services_for(database)) as client:
        assert (await client.get("/desk/session", headers={"Cookie": f"fte_desk={bad['ended']}"})).status_code == 401
        assert (await client.get("/desk/session", headers={"Cookie": f"fte_desk={good}"})).status_code == 200


async def test_without_an_operator_key_nobody_signs_in(database: Database) -> None:
    services = connect_services(database, operator_key=SecretStr(""), token_secret=SecretStr("t"))
    async with http_client(services) as client:
        assert (await client.post("/desk/session", json={"name": "Grace", "key": ""})).status_code == 401
        forged = {"Cookie": "fte_desk=e30.e30"}
        assert (await client.get("/escalations", headers=forged)).status_code == 401


async def test_bearer_key_has_no_session(client: httpx.AsyncClient) -> None:
    assert (await client.get("/desk/session", headers=OPERATOR)).status_code == 404


async def test_page_and_its_files_are_served_with_strict_rules(client: httpx.AsyncClient) -> None:
    page = await client.get("/desk")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert OPERATOR_KEY not in page.text
    script = await client.get("/desk/assets/desk.js")
    assert script.headers["content-type"].startswith("text/javascript")
    again = await client.get("/desk/assets/desk.js", headers={"If-None-Match": script.headers["etag"]})
    assert again.status_code == 304
    for missing in ("nothing.js", "vendor/SHA256SUMS", "../routes/desk.py", "%2e%2e/app.py", "index.html"):
        assert (await client.get(f"/desk/assets/{missing}")).status_code == 404, missing


@asynccontextmanager
async def following(services: IngressServices, query: str = "") -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """The `changed` events of a desk that is open until the block ends; the first event has come already."""
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    conversation = uuid.UUID(query) if query else None

    async def read() -> None:
        async for part in services.desk_streams.stream(conversation):  # type: ignore[arg-type]
            text = part.decode()
            if "event: changed" in text:
                data = next(line for line in text.splitlines() if line.startswith("data: "))
                events.put_nowait(json.loads(data.removeprefix("data: ")))
            elif "event: ready" in text:
                ready.set()

    ready = asyncio.Event()
    task = asyncio.create_task(read())
    await ready.wait()
    try:
        yield events
    finally:
        await services.desk_streams.close()
        await task


async def heard(events: asyncio.Queue[dict[str, Any]], conversation_id: str) -> None:
    """Wait until an event names the conversation."""
    async with asyncio.timeout(60):
        while conversation_id not in (await events.get())["conversations"]:
            pass


async def test_stream_tells_of_everything_that_happens(
    client: httpx.AsyncClient, services: IngressServices, database: Database
) -> None:
    async with following(services) as events:
        path = await make_escalation(client, database)
        conversation_id = path.rsplit("/", 1)[-1]
        await heard(events, conversation_id)
        headers = {**OPERATOR, "X-Operator": "Grace"}
        for action, body in (
            ("take", {}),
            ("reply", {"message": "x"}),
            ("triage", {"priority": "low"}),
            ("resolve", {"note": "done"}),
        ):
            assert (await client.post(f"{path}/{action}", json=body, headers=headers)).status_code == 200
            await heard(events, conversation_id)


async def test_stream_tells_of_the_conversation_shown_wherever_it_stands(
    client: httpx.AsyncClient, services: IngressServices, database: Database
) -> None:
    await client.post("/support/submit", json=SUBMISSION)
    async with database.connection() as connection:
        conversation_id = str(await connection.fetchval("SELECT conversation_id FROM conversations"))
    async with following(services, conversation_id) as events:
        await client.post(f"/conversations/{conversation_id}/triage", json={"priority": "low"}, headers=OPERATOR)
        await heard(events, conversation_id)


async def test_streams_are_capped_and_end_for_the_browser_to_resume(
    database: Database, services: IngressServices
) -> None:
    full = replace(services, desk_streams=DeskStreams(services.escalations, WorkQueue(database), streams_max=0))
    async with http_client(full) as client:
        refused = await client.get("/desk/events", headers=OPERATOR)
        assert refused.status_code == 429
        assert "Retry-After" in refused.headers
    short = replace(services, desk_streams=DeskStreams(services.escalations, WorkQueue(database), lifetime_s=0.2))
    async with http_client(short) as client:
        answer = await client.get("/desk/events", headers=OPERATOR)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "event: ready" in answer.text
        assert short.desk_streams.open == 0
