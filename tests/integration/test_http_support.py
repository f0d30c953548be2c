"""Submit, read and write on over HTTP, on the real Postgres."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from agent.records import ConversationId, MessageId
from crm.database import Database
from crm.desk import Desk
from crm.views import Reply, TicketViews
from crm.work import WorkQueue
from deployments.web.ack_log import AckLog
from deployments.web.reply_streams import ReplyStreams
from deployments.web.services import IngressServices
from tests.integration.http_spine import (
    SUBMISSION,
    answer_due,
    deliver_due,
    http_client,
)
from tests.integration.spine import escalate, reply_to
from tests.waiting import until


def bearer(answer: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer['access_token']}"}


async def submit(client: httpx.AsyncClient, key: str = "key-1", **changes: object) -> dict[str, str]:
    response = await client.post("/support/submit", json={**SUBMISSION, **changes}, headers={"Idempotency-Key": key})
    assert response.status_code == 201, response.text
    answer: dict[str, str] = response.json()
    return answer


async def read(client: httpx.AsyncClient, answer: dict[str, str]) -> dict[str, Any]:
    response = await client.get(f"/support/ticket/{answer['ticket_id']}", headers=bearer(answer))
    assert response.status_code == 200, response.text
    view: dict[str, Any] = response.json()
    return view


async def count(database: Database, table: str) -> object:
    async with database.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")


async def test_submission_gets_a_ticket_a_token_and_an_expected_time(client: httpx.AsyncClient) -> None:
    answer = await submit(client)
    assert set(answer) == {"ticket_id", "access_token", "status", "estimated_response_time", "message"}
    assert answer["status"] == "open"
    assert answer["estimated_response_time"] == "5 minutes"
    assert answer["ticket_id"] in answer["message"]


async def test_ticket_view_has_exactly_the_agreed_shape(client: httpx.AsyncClient) -> None:
    answer = await submit(client)
    view = await read(client, answer)
    assert set(view) == {
        *("ticket_id", "status", "category", "priority", "created_at", "messages", "expected_by", "survey")
    }
    assert (view["category"], view["priority"], view["status"]) == ("technical", "high", "open")
    (message,) = view["messages"]
    assert set(message) == {"direction", "body", "created_at"}
    assert (message["direction"], message["body"]) == ("inbound", SUBMISSION["message"])


async def test_same_key_and_body_get_the_same_answer(client: httpx.AsyncClient, database: Database) -> None:
    first = await submit(client)
    await answer_due(database, reply_to)
    assert await submit(client) == first
    assert await submit(client, email="ADA@example.com ") == first
    assert await count(database, "messages WHERE direction = 'inbound'") == 1


async def test_same_key_with_another_body_is_a_conflict(client: httpx.AsyncClient, database: Database) -> None:
    await submit(client)
    for changes in ({"message": "other"}, {"priority": "low"}, {"email": "eve@example.com"}):
        response = await client.post(
            "/support/submit", json={**SUBMISSION, **changes}, headers={"Idempotency-Key": "key-1"}
        )
        assert response.status_code == 409
        assert "Idempotency-Key" in response.json()["detail"]
    assert await count(database, "messages") == 1


async def test_twenty_copies_at_once_make_one_ticket(client: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*(submit(client) for _ in range(20)))
    assert all(answer == answers[0] for answer in answers)
    for table in ("messages", "conversations", "tickets", "customers"):
        assert await count(database, table) == 1, table


async def test_requests_without_a_key_are_requests_of_their_own(client: httpx.AsyncClient) -> None:
    first = await client.post("/support/submit", json=SUBMISSION)
    second = await client.post("/support/submit", json=SUBMISSION)
    assert first.json()["ticket_id"] != second.json()["ticket_id"]


async def test_same_address_typed_twice_shares_nothing(client: httpx.AsyncClient, database: Database) -> None:
    first, second = await submit(client, "a"), await submit(client, "b")
    assert first["access_token"] != second["access_token"]
    response = await client.get(f"/support/ticket/{first['ticket_id']}", headers=bearer(second))
    assert response.status_code == 404
    assert await count(database, "customers") == 2


async def test_token_is_asked_for_everywhere_and_told_nowhere(client: httpx.AsyncClient) -> None:
    answer = await submit(client)
    path = f"/support/ticket/{answer['ticket_id']}"
    wrong = [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Basic {answer['access_token']}"},
    ]
    seen = set()
    for headers in wrong:
        for response in (
            await client.get(path, headers=headers),
            await client.get(f"{path}/events", headers=headers),
            await client.post(f"{path}/messages", headers=headers, json={"message": "hi"}),
            await client.get("/support/ticket/TF-20200101-9999", headers=bearer(answer)),
        ):
            assert response.status_code == 404
            seen.add(response.text)
    assert len(seen) == 1, "a wrong token and an unknown ticket look the same"
    assert answer["access_token"] not in seen.pop()
    assert (await client.get(path, params={"token": answer["access_token"]})).status_code == 200


@pytest.mark.parametrize(
    "ticket", ["x", "TF-1", "TF-20260101-0001%00", "%F0%9F%98%80", "TF-20260101-0001'--", "a" * 3000]
)
async def test_odd_ticket_numbers_are_not_found(client: httpx.AsyncClient, ticket: str) -> None:
    answer = await submit(client)
    response = await client.get(f"/support/ticket/{ticket}", headers=bearer(answer))
    assert response.status_code == 404
    assert isinstance(response.json()["detail"], str)


async def test_reply_is_shown_when_it_is_delivered_and_not_before(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await submit(client)
    await answer_due(database, reply_to, deliver=False)
    assert len((await read(client, answer))["messages"]) == 1
    await deliver_due(database)
    view = await read(client, answer)
    assert [each["direction"] for each in view["messages"]] == ["inbound", "outbound"]


async def test_cancelled_reply_never_shows(client: httpx.AsyncClient, database: Database) -> None:
    answer = await submit(client)
    await answer_due(database, reply_to, deliver=False)
    async with database.connection() as connection:
        conversation_id = await connection.fetchval("SELECT conversation_id FROM conversations")
    await Desk(database).take(conversation_id, "Grace")
    await deliver_due(database)
    assert await count(database, "outbox WHERE state = 'cancelled'") == 1
    assert len((await read(client, answer))["messages"]) == 1


async def test_writing_on_continues_the_conversation_once_per_key(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await submit(client)
    path = f"/support/ticket/{answer['ticket_id']}/messages"
    for _ in range(2):
        response = await client.post(
            path, json={"message": "and a list?"}, headers={**bearer(answer), "Idempotency-Key": "more-1"}
        )
        assert response.status_code == 201
        assert response.json()["ticket_id"] == answer["ticket_id"]
        assert response.json()["access_token"] == answer["access_token"]
    other = await client.post(
        path, json={"message": "changed"}, headers={**bearer(answer), "Idempotency-Key": "more-1"}
    )
    assert other.status_code == 409
    assert await count(database, "conversations") == 1
    assert [each["body"] for each in (await read(client, answer))["messages"]] == [
        SUBMISSION["message"],
        "and a list?",
    ]


async def test_keys_of_different_conversations_do_not_meet(client: httpx.AsyncClient) -> None:
    first, second = await submit(client, "a"), await submit(client, "b")
    for answer in (first, second):
        response = await client.post(
            f"/support/ticket/{answer['ticket_id']}/messages",
            json={"message": f"for {answer['ticket_id']}"},
            headers={**bearer(answer), "Idempotency-Key": "same"},
        )
        assert response.status_code == 201


async def test_status_follows_the_conversation(client: httpx.AsyncClient, database: Database) -> None:
    answer = await submit(client)
    await answer_due(database, escalate)
    view = await read(client, answer)
    assert view["status"] == "escalated"
    assert view["messages"][-1]["body"] == "A colleague will help you."


async def test_ack_times_are_stored_apart_from_the_messages(database: Database, services: IngressServices) -> None:
    # No batch is written before the log is closed.
    services = replace(services, acks=AckLog(services.metrics.record_acks, period_s=3600))
    async with http_client(services) as client:
        for number in range(3):
            await submit(client, f"key-{number}")
        assert await count(database, "agent_metrics") == 0
    assert await count(database, "agent_metrics WHERE kind = 'accept' AND channel = 'web_form' AND total_ms > 0") == 3


async def events_of(client: httpx.AsyncClient, answer: dict[str, str], last_id: str = "") -> list[dict[str, str]]:
    headers = {**bearer(answer), **({"Last-Event-ID": last_id} if last_id else {})}
    response = await client.get(f"/support/ticket/{answer['ticket_id']}/events", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines()) for block in response.text.split("\n\n") if block
    ]
    return [block for block in blocks if "event" in block]


def with_streams(
    services: IngressServices, database: Database, *, lifetime_s: float = 5.0, streams_max: int = 10
) -> IngressServices:
    streams = ReplyStreams(services.tickets, WorkQueue(database), streams_max=streams_max, lifetime_s=lifetime_s)
    return replace(services, streams=streams)


def bodies(events: list[dict[str, str]]) -> list[str]:
    return [json.loads(event["data"])["body"] for event in events if event["event"] == "reply"]


async def test_events_tell_replies_and_resume_after_the_last(database: Database, services: IngressServices) -> None:
    async with http_client(with_streams(services, database, lifetime_s=0.3)) as client:
        answer = await submit(client)
        await answer_due(database, reply_to)
        events = await events_of(client, answer)
        assert bodies(events) == ["re: 1"]
        (reply,) = [event for event in events if event["event"] == "reply"]
        assert set(json.loads(reply["data"])) == {"direction", "body", "created_at"}
        path = f"/support/ticket/{answer['ticket_id']}/messages"
        await client.post(path, json={"message": "more"}, headers=bearer(answer))
        await answer_due(database, reply_to)
        assert bodies(await events_of(client, answer, reply["id"])) == ["re: 2"]
        assert bodies(await events_of(client, answer, "no id")) == ["re: 1", "re: 2"]


class ToldTickets(TicketViews):
    """Says when a stream has found a reply to tell."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.found = asyncio.Event()

    async def fetch_replies_after(self, conversation_id: ConversationId, seen: MessageId | None) -> list[Reply]:
        replies = await super().fetch_replies_after(conversation_id, seen)
        if replies:
            self.found.set()
        return replies


async def test_event_comes_while_the_stream_is_open(database: Database, services: IngressServices) -> None:
    tickets = ToldTickets(database)
    services = with_streams(replace(services, tickets=tickets), database, lifetime_s=600)
    async with http_client(services) as client:
        answer = await submit(client)
        reading = asyncio.create_task(events_of(client, answer))
        await until(lambda: services.streams.open == 1)
        await answer_due(database, escalate)
        await asyncio.wait_for(tickets.found.wait(), 60)
        await services.streams.close()  # after what it has found; this client sees a response when it has ended
        events = await reading
    assert bodies(events) == ["A colleague will help you."]
    assert [json.loads(event["data"])["status"] for event in events if event["event"] == "status"][-1] == "escalated"
    assert services.streams.open == 0, "a stream that ended is watched no more"


async def test_streams_are_capped_per_replica(database: Database, services: IngressServices) -> None:
    async with http_client(with_streams(services, database, streams_max=0)) as client:
        answer = await submit(client)
        response = await client.get(f"/support/ticket/{answer['ticket_id']}/events", headers=bearer(answer))
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
