"""Service rules over HTTP: what operators set, what customers are told and asked."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from agent.errors import DatabaseAway
from agent.records import Channel, Priority
from agent.times import Times
from crm.aftercare import Aftercare, Closing
from crm.audit import audit
from crm.database import Connection, Database
from crm.desk import Desk
from crm.escalations import Escalations
from crm.service_rules import RememberedRules, ServiceRulesStore
from deployments.web.services import IngressServices
from tests.integration.http_spine import OPERATOR, answer_due, deliver_due
from tests.integration.spine import escalate, hold, reply_to
from tests.integration.test_aftercare import LATER, UNHAPPY, standing
from tests.integration.test_http_support import bearer, read, submit

GRACE = {**OPERATOR, "X-Operator": "Grace"}
NEVER_CLOSED = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}


async def rules_of(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/service-rules", headers=OPERATOR)
    assert response.status_code == 200, response.text
    rules: dict[str, Any] = response.json()
    return rules


async def put(client: httpx.AsyncClient, rules: object) -> httpx.Response:
    return await client.put("/service-rules", json=rules, headers=GRACE)


async def resolved(client: httpx.AsyncClient, database: Database) -> dict[str, str]:
    """Submit, be answered, and be assumed to be content."""
    answer = await submit(client)
    await answer_due(database, reply_to)
    async with database.connection() as connection:
        conversation_id = await connection.fetchval("SELECT conversation_id FROM conversations WHERE state = 'open'")
    assert await Aftercare(database).close(conversation_id, LATER, UNHAPPY) is Closing.RESOLVED
    return answer


async def say(client: httpx.AsyncClient, answer: dict[str, str], expect: int = 200, **body: object) -> dict[str, Any]:
    response = await client.post(f"/support/ticket/{answer['ticket_id']}/survey", json=body, headers=bearer(answer))
    assert response.status_code == expect, response.text
    said: dict[str, Any] = response.json()
    return said


async def test_rules_are_read_and_what_is_read_can_be_put_back(client: httpx.AsyncClient, database: Database) -> None:
    rules = await rules_of(client)
    assert set(rules) == set(Channel)
    assert rules["web_form"]["survey"] is True
    assert rules["email"]["survey"] is False
    assert rules["whatsapp"]["expected_response"]["*"]["urgent"] == 2
    response = await put(client, rules)
    assert response.status_code == 200
    assert response.json() == rules == await rules_of(client)


async def test_rules_are_replaced_channel_by_channel(client: httpx.AsyncClient, database: Database) -> None:
    rules = await rules_of(client)
    mine = copy.deepcopy(rules["web_form"])
    mine["expected_response"]["*"]["high"] = 90
    mine["expected_response"]["enterprise"] = {"high": 7}
    mine["business_hours"]["holidays"] = ["2026-12-25"]
    assert (await put(client, {"web_form": mine})).json() == {**rules, "web_form": mine}
    assert (await submit(client))["estimated_response_time"] == "2 hours"
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT updated_by FROM channel_configs WHERE channel = 'web_form'") == "Grace"
        assert await connection.fetchval("SELECT updated_by FROM channel_configs WHERE channel = 'email'") is None


async def test_a_mistake_is_named_and_changes_nothing(client: httpx.AsyncClient) -> None:
    rules = await rules_of(client)
    wrong = copy.deepcopy(rules)
    wrong["email"]["close_after_hours"] = 1
    wrong["whatsapp"]["business_hours"]["weekly"]["mon"] = ["9-17"]
    response = await put(client, wrong)
    assert response.status_code == 422
    (problem,) = response.json()["detail"]
    assert problem["field"] == "whatsapp.business_hours.weekly.mon.0"
    assert "09:00-17:00" in problem["problem"]
    assert await rules_of(client) == rules
    for body, field in (({}, "body"), ({"sms": rules["email"]}, "sms"), ([], "body")):
        response = await put(client, body)
        assert response.status_code == 422
        assert response.json()["detail"][0]["field"] == field


async def test_rules_are_the_operators(client: httpx.AsyncClient) -> None:
    assert (await client.get("/service-rules")).status_code == 401
    assert (await client.put("/service-rules", json={})).status_code == 401


class Leaving(Database):
    """A database that goes away when it is told to."""

    away = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        if self.away:
            raise DatabaseAway("away")
        async with super().connection() as connection:
            yield connection


async def test_rules_that_were_read_hold_during_an_outage(database_url: str, times: Times) -> None:
    database = Leaving(database_url, times)
    remembered = RememberedRules(database)
    database.away = True
    with pytest.raises(DatabaseAway):
        await remembered.of(Channel.EMAIL)
    database.away = False
    before = await remembered.of(Channel.EMAIL)
    database.away = True
    remembered.forget()
    assert await remembered.of(Channel.EMAIL) == before
    await database.close()


async def test_rules_are_read_anew_when_they_are_old(database: Database) -> None:
    store, remembered = ServiceRulesStore(database), RememberedRules(database)
    before = await remembered.of(Channel.EMAIL)
    changed = before.model_copy(update={"close_after_hours": 7})
    await store.replace({Channel.EMAIL: changed}, "Grace")
    assert await remembered.of(Channel.EMAIL) == before
    remembered.forget()
    assert await remembered.of(Channel.EMAIL) == changed


async def test_who_writes_on_to_a_person_is_told_the_persons_time(
    client: httpx.AsyncClient, database: Database
) -> None:
    rules = await rules_of(client)
    rules["web_form"]["business_hours"]["weekly"] = NEVER_CLOSED
    rules["web_form"]["person_response"] = {
        "*": dict.fromkeys(Priority, 2 * 24 * 60),
        "enterprise": dict.fromkeys(Priority, 45),
    }
    await put(client, {"web_form": rules["web_form"]})
    answer = await submit(client)
    await answer_due(database, escalate)
    path = f"/support/ticket/{answer['ticket_id']}/messages"
    written = await client.post(path, json={"message": "Hello?"}, headers=bearer(answer))
    assert (written.json()["status"], written.json()["estimated_response_time"]) == ("escalated", "2 days")

    view = await read(client, answer)
    async with database.connection() as connection:
        since = await connection.fetchval("SELECT created_at FROM escalations")
    assert datetime.fromisoformat(view["expected_by"]) == since + timedelta(days=2)

    async with database.connection() as connection:
        customer_id = await connection.fetchval("SELECT customer_id FROM customers")
    assigned = await client.post(f"/customers/{customer_id}/plan", json={"plan": "enterprise"}, headers=OPERATOR)
    assert (assigned.status_code, assigned.json()) == (200, {"plan": "enterprise"})
    written = await client.post(path, json={"message": "Hello??"}, headers=bearer(answer))
    assert written.json()["estimated_response_time"] == "45 minutes"
    await Desk(database).hand_back((await Escalations(database).fetch())[0].conversation_id, "grace")
    assert (await read(client, answer))["expected_by"] is None


async def test_a_plan_is_one_of_those_that_there_are(client: httpx.AsyncClient) -> None:
    path = "/customers/00000000-0000-7000-8000-000000000001/plan"
    assert (await client.post(path, json={"plan": "pro"}, headers=OPERATOR)).status_code == 404
    refused = await client.post(path, json={"plan": "gold"}, headers=OPERATOR)
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["field"] == "plan"
    assert (await client.post(path, json={"plan": "pro"})).status_code == 401


async def test_only_a_resolved_request_is_asked_about(client: httpx.AsyncClient, database: Database) -> None:
    answer = await submit(client)
    assert (await read(client, answer))["survey"] is None
    assert "not resolved" in (await say(client, answer, expect=409, solved=True))["detail"]
    await answer_due(database, reply_to)
    assert (await read(client, answer))["survey"] is None
    assert (await read(client, await resolved(client, database)))["survey"] == {"solved": None}


async def test_a_yes_confirms_once(client: httpx.AsyncClient, database: Database) -> None:
    answer = await resolved(client, database)
    said = await asyncio.gather(*(say(client, answer, solved=True) for _ in range(5)))
    assert said == [{**said[0], "status": "resolved", "solved": True, "estimated_response_time": None}] * 5
    view = await read(client, answer)
    assert (view["status"], view["survey"]) == ("resolved", {"solved": True})
    assert await standing(database) == [("confirmed", "fte", True)]
    async with database.connection() as connection:
        told = await connection.fetch("SELECT payload ->> 'resolution' FROM events WHERE topic = 'fte.metrics'")
    assert [row[0] for row in told] == ["assumed", "confirmed"]


async def test_a_no_brings_a_person_with_what_was_written(client: httpx.AsyncClient, database: Database) -> None:
    answer = await resolved(client, database)
    said = await asyncio.gather(*(say(client, answer, solved=False, comment=" It\nstill fails. ") for _ in range(5)))
    assert {each["status"] for each in said} == {"escalated"}
    assert all(each["estimated_response_time"] for each in said)
    (escalation,) = (await client.get("/escalations", headers=OPERATOR)).json()["escalations"]
    assert (escalation["reason_code"], escalation["severity"], escalation["status"]) == ("not_solved", "P2", "open")
    assert "The customer wrote: It still fails." in escalation["summary"]
    assert await standing(database) == [("assumed", "fte", False)]
    view = await read(client, answer)
    assert (view["status"], view["survey"]) == ("escalated", None)
    assert (await say(client, answer, expect=409, solved=True))["detail"]
    desk = (await client.get(f"/conversations/{escalation['conversation_id']}", headers=OPERATOR)).json()
    (end,) = desk["resolutions"]
    assert (end["kind"], end["solved"], end["comment"]) == ("assumed", False, "It\nstill fails.")
    await client.post(f"/support/ticket/{answer['ticket_id']}/messages", json={"message": "hm"}, headers=bearer(answer))
    await answer_due(database, hold)
    assert (await audit(database, [], settled=True)).clean


async def test_a_yes_may_become_a_no_and_the_next_end_is_asked_about_anew(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await resolved(client, database)
    await say(client, answer, solved=True)
    await say(client, answer, solved=False)
    (escalation,) = (await client.get("/escalations", headers=OPERATOR)).json()["escalations"]
    path = f"/conversations/{escalation['conversation_id']}"
    assert (await client.post(f"{path}/take", headers=GRACE)).status_code == 200
    assert (await client.post(f"{path}/resolve", headers=GRACE)).status_code == 200
    assert (await read(client, answer))["survey"] == {"solved": None}
    await say(client, answer, solved=True)
    assert await standing(database) == [("confirmed", "fte", False), ("confirmed", "Grace", True)]


async def test_a_no_goes_to_the_team_that_had_it(client: httpx.AsyncClient, database: Database) -> None:
    answer = await submit(client)
    await answer_due(database, escalate)
    (escalation,) = (await client.get("/escalations", headers=OPERATOR)).json()["escalations"]
    path = f"/conversations/{escalation['conversation_id']}"
    await client.post(f"{path}/reply", json={"message": "Refunded."}, headers=GRACE)
    await client.post(f"{path}/resolve", headers=GRACE)
    await deliver_due(database)
    await say(client, answer, solved=False)
    (again, _) = (await client.get("/escalations", headers=OPERATOR)).json()["escalations"]
    assert (again["reason_code"], again["team"]) == ("not_solved", "billing")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "solved"),
        ({"solved": "yes"}, "solved"),
        ({"solved": True, "comment": "x" * 1001}, "comment"),
        ({"solved": True, "comment": "a\x00b"}, "comment"),
        ({"solved": True, "rating": 5}, "rating"),
    ],
)
async def test_a_bad_answer_names_its_field(
    client: httpx.AsyncClient, database: Database, body: dict[str, object], field: str
) -> None:
    answer = await resolved(client, database)
    said = await say(client, answer, expect=422, **body)
    assert said["detail"][0]["field"] == field
    assert (await read(client, answer))["survey"] == {"solved": None}


async def test_the_question_needs_the_token_and_ends_with_the_time_to_reopen(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await resolved(client, database)
    path = f"/support/ticket/{answer['ticket_id']}/survey"
    assert (await client.post(path, json={"solved": True})).status_code == 404
    async with database.connection() as connection:
        await connection.execute("UPDATE conversations SET resolved_at = resolved_at - interval '73 hours'")
    assert (await read(client, answer))["survey"] is None
    await say(client, answer, expect=409, solved=False)


async def test_a_channel_without_a_survey_asks_nothing(client: httpx.AsyncClient, database: Database) -> None:
    rules = await rules_of(client)
    rules["web_form"]["survey"] = False
    await put(client, {"web_form": rules["web_form"]})
    assert (await read(client, await resolved(client, database)))["survey"] is None


async def test_ends_and_answers_are_measured(
    client: httpx.AsyncClient, database: Database, services: IngressServices
) -> None:
    answer = await resolved(client, database)
    text = (await client.get("/metrics")).text
    assert 'fte_resolutions{channel="web_form",kind="assumed"} 1.0' in text
    await say(client, answer, solved=True)
    text = (await client.get("/metrics")).text
    assert 'fte_resolutions{channel="web_form",kind="confirmed"} 1.0' in text
    assert 'fte_survey_answers{channel="web_form",solved="yes"} 1.0' in text
    assert 'kind="assumed"} 1.0' not in text
    await say(client, answer, solved=False)
    text = (await client.get("/metrics")).text
    assert 'fte_resolutions{channel="web_form",kind="reopened"} 1.0' in text
    assert 'fte_survey_answers{channel="web_form",solved="no"} 1.0' in text
    assert 'fte_escalation_reminders_total{team="general"} 0.0' in text
    report = (await client.get("/metrics/channels", headers=OPERATOR)).json()["channels"]["web_form"]
    assert report["resolved"] == {"confirmed": 0, "assumed": 0, "reopened": 1}
    assert report["survey"] == {"yes": 0, "no": 1}
