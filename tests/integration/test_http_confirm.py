"""The link of a confirmation over HTTP: opening it does nothing, its buttons answer."""

from __future__ import annotations

import dataclasses
import logging
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from agent.channel_health import ChannelMode
from agent.records import Channel, TicketId
from crm.confirmations import Confirmations
from crm.database import Database
from crm.inbox import Inbox
from deployments.channel_states import ChannelFacts
from deployments.web.services import IngressServices
from tests.e2e.sites import decide
from tests.integration.http_spine import OPERATOR, SUBMISSION, answer_due, http_client, services_for
from tests.integration.spine import mail_message


async def ask(client: httpx.AsyncClient, database: Database) -> dict[str, str]:
    """Send a request and have it answered; its link's fields, with the conversation."""
    await Confirmations(database).switch_mail(on=True)
    ticket = (await client.post("/support/submit", json=SUBMISSION)).json()["ticket_id"]
    await answer_due(database, decide)
    await answer_due(database, decide)
    conversation = (await client.get(f"/tickets/{ticket}", headers=OPERATOR)).json()["conversation_id"]
    letters = (await client.get(f"/conversations/{conversation}/letters", headers=OPERATOR)).json()["letters"]
    (letter,) = letters
    fields = parse_qs(urlsplit(letter["link"]).fragment)
    return {name: value for name, (value,) in fields.items()} | {"conversation": conversation}


async def state_of(database: Database) -> str:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT state FROM confirmations")


async def test_opening_the_link_confirms_nothing(client: httpx.AsyncClient, database: Database) -> None:
    """Programs that look at mails open every link in them, with GET and with HEAD, some in a browser."""
    link = await ask(client, database)
    for address in ("/support/confirm", f"/support/confirm?token={link['token']}", "/support/confirm?mine=true"):
        for method in ("GET", "HEAD"):
            answer = await client.request(method, address)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
    assert await state_of(database) == "asked"


async def test_button_confirms_and_opens_the_request(client: httpx.AsyncClient, database: Database) -> None:
    link = await ask(client, database)
    for _ in range(2):
        answer = await client.post("/support/confirm", json={"token": link["token"], "mine": True})
        assert answer.status_code == 200
        assert answer.json()["status"] == "confirmed"
    assert answer.json()["ticket_id"] == link["ticket"]
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await client.get(f"/support/ticket/{link['ticket']}", headers=headers)).status_code == 200
    assert await state_of(database) == "confirmed"


async def test_owner_who_did_not_write_gets_no_access(client: httpx.AsyncClient, database: Database) -> None:
    link = await ask(client, database)
    answer = await client.post("/support/confirm", json={"token": link["token"], "mine": False})
    assert answer.json() == {"ticket_id": link["ticket"], "status": "declined", "access_token": None}
    late = await client.post("/support/confirm", json={"token": link["token"], "mine": True})
    assert late.status_code == 409
    assert await state_of(database) == "declined"


async def test_confirmed_is_not_taken_back_by_the_link(client: httpx.AsyncClient, database: Database) -> None:
    link = await ask(client, database)
    await client.post("/support/confirm", json={"token": link["token"], "mine": True})
    assert (await client.post("/support/confirm", json={"token": link["token"], "mine": False})).status_code == 409


async def test_expired_foreign_and_mangled_links_are_not_found(
    client: httpx.AsyncClient, database: Database, services: IngressServices
) -> None:
    link = await ask(client, database)
    asked = services.confirmation_tokens.read(link["token"], datetime.now(UTC))
    expired = services.confirmation_tokens.issue(asked, datetime.now(UTC) - timedelta(seconds=1))
    ticket = services.tokens.issue(TicketId(link["ticket"]), asked)
    for token in (expired, ticket, link["token"][:-2], "x" * 75, "ä"):
        answer = await client.post("/support/confirm", json={"token": token, "mine": True})
        assert answer.status_code == 404, token
    assert await state_of(database) == "asked"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mine": True}, "token"),
        ({"token": "", "mine": True}, "token"),
        ({"token": "x" * 201, "mine": True}, "token"),
        ({"token": "x"}, "mine"),
        ({"token": "x", "mine": "yes"}, "mine"),
        ({"token": "x", "mine": True, "more": 1}, "more"),
    ],
)
async def test_bad_input_names_its_field(client: httpx.AsyncClient, body: dict[str, object], field: str) -> None:
    answer = await client.post("/support/confirm", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"] == field


async def test_form_of_another_site_cannot_press_the_button(client: httpx.AsyncClient, database: Database) -> None:
    """What a foreign page can send without asking first is no JSON."""
    link = await ask(client, database)
    answer = await client.post("/support/confirm", data={"token": link["token"], "mine": "true"})
    assert answer.status_code == 415
    assert await state_of(database) == "asked"


async def test_link_reaches_no_log(
    client: httpx.AsyncClient, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        link = await ask(client, database)
        await client.post("/support/confirm", json={"token": link["token"], "mine": True})
        await client.post("/support/confirm", json={"token": link["token"], "mine": False})
    assert caplog.records
    assert link["token"] not in caplog.text


async def test_merge_by_a_link_is_listed_and_undone(client: httpx.AsyncClient, database: Database) -> None:
    await Inbox(database).accept(mail_message(SUBMISSION["email"]))
    link = await ask(client, database)
    await client.post("/support/confirm", json={"token": link["token"], "mine": True})
    (merge,) = (await client.get("/customers/merges", headers=OPERATOR)).json()["merges"]
    assert merge["evidence"] == "the link in the mail was opened"
    path = f"/customers/merges/{merge['merge_id']}/undo"
    assert (await client.post(path)).status_code == 401
    assert (await client.post(path, headers=OPERATOR | {"X-Operator": "grace"})).status_code == 200
    assert (await client.post(path, headers=OPERATOR)).status_code == 409
    of_source = await client.get(f"/customers/merges?customer={merge['source_id']}", headers=OPERATOR)
    assert of_source.json()["merges"][0]["undone_by"] == "grace"
    assert (await client.post("/support/confirm", json={"token": link["token"], "mine": True})).status_code == 409


async def test_unknown_merges_and_bad_ids_are_told_apart(client: httpx.AsyncClient) -> None:
    unknown = "/customers/merges/00000000-0000-7000-8000-000000000001/undo"
    assert (await client.post(unknown, headers=OPERATOR)).status_code == 404
    assert (await client.post("/customers/merges/x/undo", headers=OPERATOR)).status_code == 422
    assert (await client.get("/customers/merges?customer=x", headers=OPERATOR)).status_code == 422


async def test_link_is_shown_to_operators_only_while_nobody_else_can_get_it(database: Database) -> None:
    live = ChannelFacts(ChannelMode.LIVE, {"GMAIL_CREDENTIALS_PATH": True})
    services = services_for(database)
    services = dataclasses.replace(services, mail_is_offline=live.mode is ChannelMode.OFFLINE)
    async with http_client(services_for(database)) as client:
        link = await ask(client, database)
    async with http_client(services) as client:
        path = f"/conversations/{link['conversation']}/letters"
        (letter,) = (await client.get(path, headers=OPERATOR)).json()["letters"]
        assert letter["link"] is None
        assert letter["confirmation"] == "asked"
        assert (await client.get(path)).status_code == 401


async def test_channels_are_listed_with_their_traffic_and_without_values(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await client.get("/channels")).status_code == 401
    await ask(client, database)
    listed = (await client.get("/channels", headers=OPERATOR)).json()["channels"]
    channels = {each["channel"]: each for each in listed}
    assert set(channels) == set(Channel)
    assert channels["web_form"]["mode"] == "live"
    assert channels["email"]["mode"] == channels["whatsapp"]["mode"] == "offline"
    assert channels["web_form"]["last_inbound_at"] is not None
    assert channels["email"]["last_inbound_at"] is None
    assert channels["email"]["last_outbound_at"] is not None, "the request to confirm left by mail"
    assert channels["whatsapp"]["open_windows"] == 0
    assert channels["web_form"]["open_windows"] is None
