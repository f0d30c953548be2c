"""The desk over HTTP: an escalation is taken, answered, given back and ended; who a customer is."""

from __future__ import annotations

import uuid
from typing import Any

import httpx

from crm.database import Database
from crm.inbox import Inbox
from crm.merge import merge_customers
from tests.integration.http_spine import (
    OPERATOR,
    SUBMISSION,
    answer_due,
    deliver_due,
)
from tests.integration.spine import escalate, form_message, reply_to, whatsapp_message

SIGN_IN = ("post", "/desk/session")
GRACE = {**OPERATOR, "X-Operator": "Grace"}
EDGAR = {**OPERATOR, "X-Operator": "edgar@example.com"}


async def make_escalation(client: httpx.AsyncClient, database: Database) -> tuple[str, dict[str, Any]]:
    """Submit and escalate; returns the conversation's path and the submission's answer."""
    answer = (await client.post("/support/submit", json=SUBMISSION)).json()
    await answer_due(database, escalate)
    (escalation,) = (await client.get("/escalations?status=open", headers=OPERATOR)).json()["escalations"]
    return f"/conversations/{escalation['conversation_id']}", answer


async def bodies_seen(client: httpx.AsyncClient, answer: dict[str, Any]) -> list[str]:
    view = await client.get(f"/support/ticket/{answer['ticket_id']}", params={"token": answer["access_token"]})
    return [message["body"] for message in view.json()["messages"]]


async def test_escalation_is_listed_by_team_and_status(client: httpx.AsyncClient, database: Database) -> None:
    _, answer = await make_escalation(client, database)
    (escalation,) = (await client.get("/escalations", headers=OPERATOR)).json()["escalations"]
    assert escalation["ticket_id"] == answer["ticket_id"]
    assert escalation["customer_name"] == SUBMISSION["name"]
    assert (escalation["reason_code"], escalation["team"]) == ("refund_request", "billing")
    for query, found in (
        ("team=billing", 1),
        ("team=legal", 0),
        ("status=taken", 0),
        ("team=billing&status=open", 1),
        ("status=taken&status=open", 1),
        ("status=handed_back&status=resolved", 0),
    ):
        listed = (await client.get(f"/escalations?{query}", headers=OPERATOR)).json()["escalations"]
        assert len(listed) == found, query


async def test_person_takes_answers_and_resolves(client: httpx.AsyncClient, database: Database) -> None:
    path, answer = await make_escalation(client, database)
    taken = await client.post(f"{path}/take", headers=GRACE)
    assert taken.status_code == 200
    assert (taken.json()["state"], taken.json()["owner"]) == ("escalated", "Grace")
    replied = await client.post(f"{path}/reply", json={"message": "I have <refunded> it."}, headers=GRACE)
    assert replied.status_code == 200
    assert "I have <refunded> it." not in await bodies_seen(client, answer)
    await deliver_due(database)
    assert (await bodies_seen(client, answer))[-1] == "I have <refunded> it."
    resolved = await client.post(f"{path}/resolve", json={"note": "done"}, headers=GRACE)
    assert (resolved.json()["state"], resolved.json()["ticket_status"]) == ("resolved", "resolved")
    listed = (await client.get("/escalations?status=resolved", headers=OPERATOR)).json()["escalations"]
    assert len(listed) == 1


async def test_reply_with_the_same_key_is_sent_once(client: httpx.AsyncClient, database: Database) -> None:
    path, answer = await make_escalation(client, database)
    headers = {**GRACE, "Idempotency-Key": "once"}
    for _ in range(2):
        assert (await client.post(f"{path}/reply", json={"message": "Hello"}, headers=headers)).status_code == 200
    other = await client.post(f"{path}/reply", json={"message": "Other"}, headers=headers)
    assert other.status_code == 409
    await deliver_due(database)
    assert (await bodies_seen(client, answer)).count("Hello") == 1


async def test_another_person_cannot_interfere(client: httpx.AsyncClient, database: Database) -> None:
    path, _ = await make_escalation(client, database)
    await client.post(f"{path}/take", headers=GRACE)
    for action, body in (("take", None), ("reply", {"message": "x"}), ("hand-back", None), ("resolve", None)):
        response = await client.post(f"{path}/{action}", json=body, headers=EDGAR)
        assert response.status_code == 409, action
        assert response.json()["detail"] == "Grace has this conversation"


async def test_who_went_home_is_replaced_on_purpose_only(client: httpx.AsyncClient, database: Database) -> None:
    path, _ = await make_escalation(client, database)
    await client.post(f"{path}/take", headers=GRACE)
    for body, status in (({"instead_of": "Ada"}, 409), ({"instead_of": ""}, 422), ({"instead_of": "Grace"}, 200)):
        response = await client.post(f"{path}/take", json=body, headers=EDGAR)
        assert response.status_code == status, body
    assert response.json()["owner"] == "edgar@example.com"
    assert (await client.post(f"{path}/reply", json={"message": "x"}, headers=GRACE)).status_code == 409


async def test_category_and_priority_are_assigned(client: httpx.AsyncClient, database: Database) -> None:
    path, answer = await make_escalation(client, database)
    assigned = await client.post(f"{path}/triage", json={"category": "billing", "priority": "urgent"}, headers=GRACE)
    assert assigned.status_code == 200
    assert (assigned.json()["category"], assigned.json()["priority"]) == ("billing", "urgent")
    only_one = await client.post(f"{path}/triage", json={"priority": "low"}, headers=EDGAR)
    assert (only_one.json()["category"], only_one.json()["priority"]) == ("billing", "low")
    view = (await client.get(path, headers=OPERATOR)).json()
    assert (view["category"], view["priority"], view["assigned_by"]) == ("billing", "low", "edgar@example.com")
    ticket = await client.get(f"/support/ticket/{answer['ticket_id']}", params={"token": answer["access_token"]})
    assert (ticket.json()["category"], ticket.json()["priority"]) == ("billing", "low")
    async with database.connection() as connection:
        events = await connection.fetch("SELECT payload FROM events WHERE payload ->> 'action' = 'triaged' ORDER BY 1")
    assert [event["payload"]["operator"] for event in events] == ["Grace", "edgar@example.com"]
    for body, field in (
        ({}, "category"),
        ({"category": "sales"}, "category"),
        ({"priority": 1}, "priority"),
        ({"severity": "P1"}, "severity"),
    ):
        refused = await client.post(f"{path}/triage", json=body, headers=GRACE)
        assert refused.status_code == 422, body
        assert refused.json()["detail"][0]["field"] == field


async def test_conversation_tells_who_did_what(client: httpx.AsyncClient, database: Database) -> None:
    path, _ = await make_escalation(client, database)
    await client.post(f"{path}/reply", json={"message": "On its way."}, headers=GRACE)
    await client.post(f"{path}/hand-back", json={"note": "refunded"}, headers=GRACE)
    view = (await client.get(path, headers=OPERATOR)).json()
    assert [message["operator"] for message in view["messages"]] == [None, None, "Grace"]
    (escalation,) = view["escalations"]
    assert (escalation["taken_by"], escalation["closed_by"], escalation["note"]) == ("Grace", "Grace", "refunded")


async def test_conversation_is_found_by_its_ticket(client: httpx.AsyncClient, database: Database) -> None:
    path, answer = await make_escalation(client, database)
    found = await client.get(f"/tickets/{answer['ticket_id']}", headers=OPERATOR)
    assert f"/conversations/{found.json()['conversation_id']}" == path
    for other in ("TF-20200101-0001", "nonsense", "%00"):
        assert (await client.get(f"/tickets/{other}", headers=OPERATOR)).status_code == 404, other


async def test_other_conversations_of_a_verified_customer_are_shown(
    client: httpx.AsyncClient, database: Database
) -> None:
    inbox = Inbox(database)
    first = await inbox.accept(whatsapp_message("+15550100124"))
    path = f"/conversations/{first.conversation_id}"
    assert (await client.get(path, headers=OPERATOR)).json()["other_conversations"] == []
    form = await inbox.accept(form_message("from the form"))
    await merge_customers(database, form.customer_id, first.customer_id, "test")
    (other,) = (await client.get(path, headers=OPERATOR)).json()["other_conversations"]
    assert other["conversation_id"] == str(form.conversation_id)


async def test_handed_back_conversation_is_answered_by_the_fte_again(
    client: httpx.AsyncClient, database: Database
) -> None:
    path, answer = await make_escalation(client, database)
    await client.post(f"{path}/take", headers=GRACE)
    handed = await client.post(f"{path}/hand-back", headers=GRACE)
    assert (handed.json()["state"], handed.json()["owner"]) == ("open", None)
    await client.post(
        f"/support/ticket/{answer['ticket_id']}/messages",
        params={"token": answer["access_token"]},
        json={"message": "thanks, one more question"},
    )
    await answer_due(database, reply_to)
    assert (await bodies_seen(client, answer))[-1] == "re: 2"


async def test_unasked_takeover_is_listed_too(client: httpx.AsyncClient, database: Database) -> None:
    await client.post("/support/submit", json=SUBMISSION)
    async with database.connection() as connection:
        conversation_id = await connection.fetchval("SELECT conversation_id FROM conversations")
    assert (await client.post(f"/conversations/{conversation_id}/take", headers=GRACE)).status_code == 200
    (escalation,) = (await client.get("/escalations", headers=OPERATOR)).json()["escalations"]
    assert (escalation["status"], escalation["taken_by"]) == ("taken", "Grace")


async def test_conversation_shows_messages_outcomes_and_steps(client: httpx.AsyncClient, database: Database) -> None:
    path, answer = await make_escalation(client, database)
    view = (await client.get(path, headers=OPERATOR)).json()
    assert view["ticket_id"] == answer["ticket_id"]
    assert (view["identity_value"], view["identity_verified"]) == ("ada@example.com", False)
    inbound, outbound = view["messages"]
    assert (inbound["author"], inbound["sentiment"]) == ("customer", 0.0)
    assert (outbound["author"], outbound["delivery"]) == ("fte", "sent")
    (outcome,) = view["outcomes"]
    assert inbound["outcome_id"] == outcome["outcome_id"]
    assert (outcome["kind"], outcome["reason"], outcome["trace"]) == ("escalation", "refund_request", [])
    assert [each["status"] for each in view["escalations"]] == ["open"]


async def test_lookup_keeps_verified_and_claimed_apart(client: httpx.AsyncClient, database: Database) -> None:
    await client.post("/support/submit", json=SUBMISSION)
    await client.post("/support/submit", json={**SUBMISSION, "name": "Someone Else"})
    found = (await client.get("/customers/lookup?email=ADA@example.com", headers=OPERATOR)).json()
    assert found["verified"] is None
    assert [each["name"] for each in found["claimed"]] == ["Someone Else", "Ada Example"]
    assert len(found["claimed"][0]["conversations"]) == 1

    await Inbox(database).accept(whatsapp_message("+15550100123"))
    for phone in ("%2B15550100123", "+15550100123", "%2B1%20(555)%20010-0123"):
        found = (await client.get(f"/customers/lookup?phone={phone}", headers=OPERATOR)).json()
        assert found["claimed"] == []
        assert found["verified"]["identifiers"] == [
            {"kind": "phone", "value": "+15550100123", "verified": True, "opted_out": False}
        ]


async def test_unknown_customers_and_conversations_are_not_found(client: httpx.AsyncClient) -> None:
    unknown = f"/conversations/{uuid.uuid4()}"
    assert (await client.get("/customers/lookup?email=no@example.com", headers=OPERATOR)).status_code == 404
    assert (await client.get(unknown, headers=OPERATOR)).status_code == 404
    for action in ("take", "hand-back", "resolve"):
        assert (await client.post(f"{unknown}/{action}", headers=OPERATOR)).status_code == 404
    reply = await client.post(f"{unknown}/reply", json={"message": "x"}, headers=OPERATOR)
    assert reply.status_code == 404


async def test_operator_key_is_asked_for_on_everything_of_operators(
    client: httpx.AsyncClient, database: Database
) -> None:
    path, answer = await make_escalation(client, database)
    requests = [
        ("GET", "/escalations"),
        ("GET", path),
        ("POST", f"{path}/take"),
        ("POST", f"{path}/reply"),
        ("POST", f"{path}/hand-back"),
        ("POST", f"{path}/resolve"),
        ("POST", f"{path}/triage"),
        ("GET", f"/tickets/{answer['ticket_id']}"),
        ("GET", "/desk/session"),
        ("DELETE", "/desk/session"),
        ("GET", "/desk/events"),
        ("GET", "/customers/lookup?email=ada@example.com"),
        ("GET", "/metrics/channels"),
        ("GET", "/health/detailed"),
        ("POST", "/test/queue"),
    ]
    key = OPERATOR["Authorization"].removeprefix("Bearer ")
    wrong = ["", f"Basic {key}", f"Bearer {key}x", f"Bearer {key[:-1]}", "Bearer", f"Bearer {answer['access_token']}"]
    for method, target in requests:
        for value in wrong:
            response = await client.request(method, target, headers={"Authorization": value}, json={"message": "x"})
            assert response.status_code == 401, (method, target, value)
            assert response.headers["WWW-Authenticate"] == "Bearer"
            assert "ada@example.com" not in response.text
    description = (await client.get("/openapi.json")).json()
    public = {"/", "/health", "/metrics", "/desk", "/support/confirm", "/help", "/help/{slug}"}
    forged = await client.post("/support/confirm", json={"token": "forged", "mine": True})
    assert forged.status_code == 404
    signed = {target for target in description["paths"] if target.startswith("/webhooks/")}
    assert signed == {"/webhooks/whatsapp", "/webhooks/whatsapp/status", "/webhooks/gmail"}
    for target in signed:
        assert (await client.post(target)).status_code == 403, f"{target} takes what nobody signed"
    for target, item in description["paths"].items():
        for method, operation in item.items():
            guarded = "security" in operation or target == "/support/submit" or (method, target) == SIGN_IN
            assert guarded or target in public | signed, f"{method} {target} is open to everybody"
