"""Spam waits for a person's word: stored, with a ticket, unanswered; nobody honest waits with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx

from agent.records import Suspicion
from crm.audit import audit
from crm.database import Database
from crm.inbox import Inbox
from crm.metrics import Metrics
from crm.work import WorkQueue
from deployments.web.senders import Senders
from deployments.web.services import FormLimits, IngressServices
from tests.integration.http_spine import OPERATOR, SUBMISSION, answer_due, http_client
from tests.integration.spine import reply_to, whatsapp_message

GRACE = {**OPERATOR, "X-Operator": "Grace"}


async def submit(client: httpx.AsyncClient, key: str = "key-1", **changes: object) -> dict[str, str]:
    response = await client.post("/support/submit", json={**SUBMISSION, **changes}, headers={"Idempotency-Key": key})
    assert response.status_code == 201, response.text
    answer: dict[str, str] = response.json()
    return answer


async def waiting(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    response = await client.get("/quarantine", headers=OPERATOR)
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.json()["quarantined"]
    return found


async def bodies(client: httpx.AsyncClient, answer: dict[str, str]) -> list[str]:
    view = await client.get(f"/support/ticket/{answer['ticket_id']}", params={"token": answer["access_token"]})
    return [message["body"] for message in view.json()["messages"]]


async def end(client: httpx.AsyncClient, action: str, *, expect: int = 200) -> dict[str, Any]:
    (row,) = await waiting(client)
    response = await client.post(f"/quarantine/{row['conversation_id']}/{action}", headers=GRACE)
    assert response.status_code == expect, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_spam_gets_its_ticket_and_no_answer(client: httpx.AsyncClient, database: Database) -> None:
    spam, honest = await submit(client, "a", website="x"), await submit(client, "b")
    assert spam.keys() == honest.keys()
    assert spam["status"] == honest["status"] == "open"
    assert await answer_due(database, reply_to) == 1
    assert len(await bodies(client, spam)) == 1
    assert len(await bodies(client, honest)) == 2
    (row,) = await waiting(client)
    assert row["ticket_id"] == spam["ticket_id"]
    assert row["reasons"] == ["hidden_field"]
    assert (row["customer_name"], row["address"]) == (SUBMISSION["name"], SUBMISSION["email"])
    assert row["messages"] == [SUBMISSION["message"]]
    assert (await audit(database, [], settled=False)).clean


async def test_released_request_is_answered_like_any_other(client: httpx.AsyncClient, database: Database) -> None:
    answer = await submit(client, website="x")
    standing = await end(client, "release")
    assert standing["ticket_id"] == answer["ticket_id"]
    assert await waiting(client) == []
    assert await answer_due(database, reply_to) == 1
    assert len(await bodies(client, answer)) == 2
    report = await audit(database, [], settled=True)
    assert report.clean, report


async def test_discarded_request_ends_with_its_reason(client: httpx.AsyncClient, database: Database) -> None:
    answer = await submit(client, website="x")
    standing = await end(client, "discard")
    assert (standing["state"], standing["ticket_status"]) == ("resolved", "closed")
    assert await answer_due(database, reply_to) == 0
    assert len(await bodies(client, answer)) == 1
    async with database.connection() as connection:
        row = await connection.fetchrow(
            "SELECT kind, reason FROM outcomes JOIN messages USING (outcome_id) WHERE direction = 'inbound'"
        )
        assert tuple(row) == ("suppressed", "spam")
        assert await connection.fetchval("SELECT ended_by FROM quarantine") == "Grace"
    report = await audit(database, [], settled=True)
    assert report.clean, report


async def test_what_is_written_on_waits_too_and_is_released_with_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await submit(client, website="x")
    await client.post(
        f"/support/ticket/{answer['ticket_id']}/messages",
        json={"message": "please!"},
        headers={"Authorization": f"Bearer {answer['access_token']}"},
    )
    assert await answer_due(database, reply_to) == 0
    (row,) = await waiting(client)
    assert row["messages"] == [SUBMISSION["message"], "please!"]
    await end(client, "release")
    assert await answer_due(database, reply_to) == 1
    assert len(await bodies(client, answer)) == 3


async def test_takeover_ends_the_wait(client: httpx.AsyncClient, database: Database) -> None:
    await submit(client, website="x")
    (row,) = await waiting(client)
    path = f"/conversations/{row['conversation_id']}"
    refused = await client.post(f"{path}/resolve", headers=GRACE)
    assert refused.status_code == 409
    assert len(await waiting(client)) == 1, "a refused step changes nothing"
    assert (await client.post(f"{path}/take", headers=GRACE)).status_code == 200
    assert await waiting(client) == []
    response = await client.post(f"/quarantine/{row['conversation_id']}/release", headers=GRACE)
    assert response.status_code == 409
    assert (await audit(database, [], settled=False)).clean


async def test_ending_twice_is_a_conflict_and_an_unknown_conversation_not_found(client: httpx.AsyncClient) -> None:
    await submit(client, website="x")
    (row,) = await waiting(client)
    path = f"/quarantine/{row['conversation_id']}"
    both = await asyncio.gather(*(client.post(f"{path}/{how}", headers=GRACE) for how in ("release", "discard")))
    assert sorted(response.status_code for response in both) == [200, 409]
    unknown = "/quarantine/01234567-89ab-7def-8123-456789abcdef/release"
    assert (await client.post(unknown, headers=GRACE)).status_code == 404
    assert (await client.post("/quarantine/x/release", headers=GRACE)).status_code == 422


async def test_operator_key_is_asked_for(client: httpx.AsyncClient) -> None:
    conversation = "01234567-89ab-7def-8123-456789abcdef"
    assert (await client.get("/quarantine")).status_code == 401
    for action in ("release", "discard"):
        assert (await client.post(f"/quarantine/{conversation}/{action}")).status_code == 401


async def test_repetition_gets_the_same_answer_whatever_was_seen(client: httpx.AsyncClient, database: Database) -> None:
    first = await submit(client, website="x", elapsed_ms=5)
    assert await submit(client, website="", elapsed_ms=60_000) == first
    assert len(await waiting(client)) == 1


async def test_limit_of_an_address_holds_over_replicas(database: Database, services: IngressServices) -> None:
    limited = replace(services, form_limits=FormLimits(per_recipient=3))
    async with http_client(limited) as one, http_client(replace(limited, inbox=Inbox(database))) as two:
        for number in range(5):
            await submit(two if number % 2 else one, f"key-{number}")
        await submit(one, "other", email="someone.else@example.com")
        reasons = [row["reasons"] for row in await waiting(one)]
    assert reasons == [["recipient_rate"], ["recipient_rate"]]


async def test_old_requests_do_not_count(database: Database, services: IngressServices) -> None:
    async with http_client(replace(services, form_limits=FormLimits(per_recipient=1))) as client:
        await submit(client, "a")
        async with database.connection() as connection:
            await connection.execute("UPDATE customer_identifiers SET created_at = now() - interval '61 minutes'")
        await submit(client, "b")
        assert await waiting(client) == []


async def test_limit_of_a_network_address_counts_whom_a_trusted_proxy_names(
    database: Database, services: IngressServices
) -> None:
    limited = replace(
        services,
        form_limits=FormLimits(per_sender=2),
        senders=Senders(["127.0.0.1"], services.operator_key),
    )
    async with http_client(limited) as client:
        for number, address in enumerate(["203.0.113.9"] * 3 + ["203.0.113.10"]):
            client.headers["X-Forwarded-For"] = address
            await submit(client, f"key-{number}", email=f"customer-{number}@example.com")
        (row,) = await waiting(client)
        assert row["reasons"] == ["sender_rate"]
        assert row["address"] == "customer-2@example.com"
        async with database.connection() as connection:
            marks = await connection.fetch("SELECT DISTINCT sender FROM form_senders")
            assert len(marks) == 2
            assert b"203" not in b"".join(mark["sender"] for mark in marks), "an address is kept as a hash"
            await connection.execute("UPDATE form_senders SET created_at = now() - interval '2 hours'")
            await submit(client, "later", email="later@example.com")
            await submit(client, "last", email="last@example.com")
            assert await connection.fetchval("SELECT count(*) FROM form_senders") == 2, "what is old is forgotten"


async def test_address_is_not_known_without_trusted_proxies(database: Database, services: IngressServices) -> None:
    async with http_client(replace(services, form_limits=FormLimits(per_sender=1))) as client:
        client.headers["X-Forwarded-For"] = "203.0.113.9"
        for number in range(3):
            await submit(client, f"key-{number}")
        assert await waiting(client) == []


async def test_the_desk_sees_why_a_conversation_was_held_back_and_who_decided(client: httpx.AsyncClient) -> None:
    await submit(client, website="x")
    (row,) = await waiting(client)
    path = f"/conversations/{row['conversation_id']}"

    async def seen() -> dict[str, Any]:
        answer: dict[str, Any] = (await client.get(path, headers=OPERATOR)).json()["quarantine"]
        return answer

    held = await seen()
    assert (held["reasons"], held["waits"], held["ending"], held["ended_by"]) == (["hidden_field"], True, None, None)
    await end(client, "release")
    released = await seen()
    assert (released["waits"], released["ending"], released["ended_by"]) == (False, "released", "Grace")
    assert released["ended_at"] > held["created_at"]


async def test_what_a_person_took_over_does_not_wait_in_quarantine(client: httpx.AsyncClient) -> None:
    await submit(client, website="x")
    (row,) = await waiting(client)
    path = f"/conversations/{row['conversation_id']}"
    assert (await client.post(f"{path}/take", headers=GRACE)).status_code == 200
    quarantine = (await client.get(path, headers=OPERATOR)).json()["quarantine"]
    assert (quarantine["waits"], quarantine["ending"]) == (False, None)


async def test_a_conversation_that_was_never_held_back_has_no_quarantine(client: httpx.AsyncClient) -> None:
    ticket = (await submit(client))["ticket_id"]
    standing = (await client.get(f"/tickets/{ticket}", headers=OPERATOR)).json()
    view = (await client.get(f"/conversations/{standing['conversation_id']}", headers=OPERATOR)).json()
    assert view["quarantine"] is None


async def test_quarantine_is_no_backlog(client: httpx.AsyncClient, database: Database) -> None:
    await submit(client, website="x")
    queue = (await Metrics(database).fetch_health()).queue
    assert (queue.depth, queue.oldest_s, queue.quarantined) == (0, 0.0, 1)
    assert await WorkQueue(database).seconds_until_due() is None
    assert "fte_quarantine_messages 1.0" in (await client.get("/metrics")).text


async def test_only_the_form_is_screened(database: Database) -> None:
    inbox = Inbox(database)
    for number in range(3):
        await inbox.accept(whatsapp_message("+15550100", f"message {number}"))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT isfinite(due_at) FROM work")
        assert await connection.fetchval("SELECT count(*) FROM quarantine") == 0


async def test_several_reasons_are_all_told(database: Database, services: IngressServices) -> None:
    async with http_client(replace(services, form_limits=FormLimits(per_recipient=1))) as client:
        await submit(client, "a")
        await submit(client, "b", website="x", message="[url=https://spam.example]Buy[/url]", elapsed_ms=10)
        (row,) = await waiting(client)
        assert row["reasons"] == [Suspicion.HIDDEN_FIELD, Suspicion.TOO_FAST, Suspicion.RECIPIENT_RATE]
