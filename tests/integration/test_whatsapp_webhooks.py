"""Twilio's webhooks: only what is signed counts, once; what a customer says about being written to comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from agent.records import TurnContext, TurnDecision
from agent.times import Times
from channels.whatsapp.signature import SIGNATURE_HEADER
from crm.audit import audit
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.outbox import Outbox
from crm.work import WorkQueue
from tests.fakes.twilio_server import new_sid
from tests.integration.http_spine import OPERATOR, answer_due, http_client
from tests.integration.spine import form_message, reply_to
from tests.integration.test_turns import begin, fetch_value
from tests.integration.whatsapp_spine import CUSTOMER, fields, post_signed, report, whatsapp_services

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(whatsapp_services(database)) as client:
        yield client


async def check(database: Database) -> None:
    report = await audit(database, [], settled=False)
    assert report.clean, str(report)


async def test_a_message_is_stored_and_answered_with_nothing_to_say(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = await post_signed(client, fields())
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert answer.text.endswith("<Response/>")
    assert await fetch_value(database, "SELECT body FROM messages") == "How do I create a board?"
    assert (
        await fetch_value(database, "SELECT value FROM customer_identifiers WHERE verified_at IS NOT NULL") == CUSTOMER
    )
    assert await fetch_value(database, "SELECT name FROM customers") == "Ada"


@pytest.mark.parametrize("path", ["/webhooks/whatsapp", "/webhooks/whatsapp/status"])
@pytest.mark.parametrize("signature", ["", "bm90IGEgc2lnbmF0dXJl"])
async def test_what_is_not_signed_is_forbidden(
    client: httpx.AsyncClient, database: Database, path: str, signature: str
) -> None:
    answer = await client.post(path, data=fields(), headers={SIGNATURE_HEADER: signature})
    assert answer.status_code == 403
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 0


async def test_forwarding_headers_of_strangers_move_no_address(client: httpx.AsyncClient) -> None:
    headers = {"X-Forwarded-Host": "support.example.com", "X-Forwarded-Proto": "https", "Host": "support.example.com"}
    answer = await client.post("/webhooks/whatsapp", data=fields(), headers=headers | {SIGNATURE_HEADER: "x"})
    assert answer.status_code == 403


async def test_one_message_fifty_times_at_once_on_two_replicas_is_one(database: Database) -> None:
    form = fields(sid="SM" + "5" * 32)
    async with http_client(whatsapp_services(database)) as one, http_client(whatsapp_services(database)) as other:
        answers = await asyncio.gather(*(post_signed((one, other)[n % 2], form) for n in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 1
    assert await answer_due(database, reply_to) <= 1
    await check(database)


async def test_many_messages_of_a_new_customer_at_once_are_one_conversation(
    client: httpx.AsyncClient, database: Database
) -> None:
    await asyncio.gather(*(post_signed(client, fields(f"message {n}")) for n in range(20)))
    assert await fetch_value(database, "SELECT count(*) FROM conversations") == 1
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 20


async def test_a_burst_waits_a_second_from_its_last_and_four_from_its_first_message(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post_signed(client, fields())
    due = "SELECT extract(epoch FROM due_at - burst_began_at)::float8 FROM work"
    assert 0.9 <= await fetch_value(database, due) <= 1.5
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE work SET burst_began_at = burst_began_at - interval '3.5 s', due_at = due_at - interval '3.5 s'"
        )
    await post_signed(client, fields())
    assert 3.5 <= await fetch_value(database, due) <= 4.001


@pytest.mark.parametrize(("changes", "field"), [({"From": "+15550100123"}, "From"), ({"NumMedia": "many"}, "NumMedia")])
async def test_bad_input_is_422_and_names_the_field(
    client: httpx.AsyncClient, changes: dict[str, str], field: str
) -> None:
    answer = await post_signed(client, fields(**changes))
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"] == field


async def test_what_is_no_form_is_415_and_what_is_too_much_413(client: httpx.AsyncClient) -> None:
    signed = {SIGNATURE_HEADER: "x"}
    assert (await client.post("/webhooks/whatsapp", json=fields(), headers=signed)).status_code == 415
    much = await client.post("/webhooks/whatsapp", content=b"a=" + b"x" * 2_000_000, headers=FORM | signed)
    assert much.status_code == 413


async def test_without_postgres_twilio_is_asked_to_come_back(times: Times) -> None:
    away = Database("postgresql:///none?host=/there/is/no/such/folder", times)
    async with http_client(whatsapp_services(away)) as client:
        nobody = "00000000-0000-7000-8000-000000000000"
        for answer in (await post_signed(client, fields()), await report(client, nobody, new_sid("SM"), "sent")):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
    await away.close()


async def test_the_longest_text_is_taken(client: httpx.AsyncClient, database: Database) -> None:
    assert (await post_signed(client, fields("😀" * 60_000))).status_code == 200
    assert "cut here" in await fetch_value(database, "SELECT body FROM messages")


async def test_files_are_noted_with_the_message_and_not_waited_for(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post_signed(
        client, fields("Look", NumMedia="1", MediaUrl0="https://nowhere.invalid/x", MediaContentType0="image/png")
    )
    assert await fetch_value(database, "SELECT body FROM messages") == "Look\n[The customer sent a picture.]"
    assert await fetch_value(database, "SELECT state FROM media_fetches") == "pending"


async def test_a_customer_is_found_by_number(client: httpx.AsyncClient, database: Database) -> None:
    await post_signed(client, fields())
    found = await client.get("/customers/lookup", params={"phone": CUSTOMER}, headers=OPERATOR)
    assert found.json()["verified"]["identifiers"][0]["value"] == CUSTOMER


async def test_a_customer_who_hides_the_number_from_now_on_is_known_by_the_id_that_came_with_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    user = "US.13491208655302741918"
    await post_signed(client, fields(ExternalUserId=user))
    await post_signed(client, fields("Still there?", From=f"whatsapp:{user}", ExternalUserId=user))
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT DISTINCT customer_id FROM conversations")
    assert len(rows) == 1
    await check(database)


async def test_stop_is_recorded_without_a_turn_and_confirmed_once(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post_signed(client, fields())
    await answer_due(database, reply_to, deliver=False)
    for _ in range(2):
        assert (await post_signed(client, fields("STOP"))).status_code == 200
    assert await WorkQueue(database).fetch_due(10) == []
    assert (
        await fetch_value(database, "SELECT count(*) FROM messages WHERE outcome_id IS NULL AND direction = 'inbound'")
        == 0
    )
    assert await fetch_value(database, "SELECT count(*) FROM outcomes WHERE reason = 'opt_out'") == 2
    assert await fetch_value(database, "SELECT count(*) FROM consents WHERE opted_out") == 2
    items = await Outbox(database).claim(10)
    assert [item.body for item in items] == [items[0].body]
    assert "START" in items[0].body
    await Outbox(database).record_sent([(items[0], "SM1")])
    assert await Outbox(database).claim(10) == []
    assert await fetch_value(database, "SELECT count(*) FROM outbox WHERE state = 'cancelled'") == 0
    await check(database)


async def test_stop_cancels_what_was_written_and_not_yet_sent_and_a_running_turn_loses(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post_signed(client, fields("first"))
    await due_now(database)
    await answer_due(database, reply_to, deliver=False)
    await post_signed(client, fields("second"))
    await due_now(database)
    customer = await fetch_value(database, "SELECT customer_id FROM work")
    turns, claim, context = await begin(database, customer)
    await post_signed(client, fields("STOP"))
    with pytest.raises(Exception, match=r".*") as caught:
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    assert type(caught.value).__name__ == "FenceLost"
    (item,) = await Outbox(database).claim(10)
    assert "START" in item.body
    assert await fetch_value(database, "SELECT count(*) FROM outbox WHERE state = 'cancelled'") == 1
    await check(database)


async def test_who_opted_out_is_not_answered_and_after_start_is(client: httpx.AsyncClient, database: Database) -> None:
    def decide(context: TurnContext) -> TurnDecision:
        assert not context.opted_out
        return reply_to(context)

    await post_signed(client, fields("STOP"))
    await post_signed(client, fields("yes"))
    await post_signed(client, fields("How do I create a board?"))
    await due_now(database)
    assert await answer_due(database, decide) == 1
    opted = [
        row["opted_out"] for row in await fetch_all(database, "SELECT opted_out FROM consents ORDER BY consent_id")
    ]
    assert opted == [True, False]
    assert await fetch_value(database, "SELECT opted_out_at FROM customer_identifiers") is None
    await check(database)


@pytest.mark.parametrize("word", ["START", "yes"])
async def test_start_of_who_never_stopped_is_an_ordinary_message(
    client: httpx.AsyncClient, database: Database, word: str
) -> None:
    await post_signed(client, fields(word))
    await due_now(database)
    assert await answer_due(database, reply_to) == 1
    assert await fetch_value(database, "SELECT count(*) FROM consents") == 0


async def test_what_twilio_confirmed_itself_is_not_confirmed_again(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post_signed(client, fields("STOP", OptOutType="STOP"))
    assert await fetch_value(database, "SELECT count(*) FROM outbox") == 0
    assert await fetch_value(database, "SELECT opted_out_at IS NOT NULL FROM customer_identifiers")


async def test_a_person_cannot_write_to_who_opted_out(client: httpx.AsyncClient, database: Database) -> None:
    await post_signed(client, fields("STOP"))
    conversation = await fetch_value(database, "SELECT conversation_id FROM conversations")
    answer = await client.post(f"/conversations/{conversation}/reply", json={"message": "Hello?"}, headers=OPERATOR)
    assert answer.status_code == 409
    assert "START" in answer.json()["detail"]


async def test_a_persons_reply_that_waits_when_stop_comes_is_not_sent(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post_signed(client, fields())
    conversation = await fetch_value(database, "SELECT conversation_id FROM conversations")
    await Desk(database).reply(conversation, "grace", "I see to it.")
    await post_signed(client, fields("STOP"))
    items = await Outbox(database).claim(10)
    assert all("START" in item.body for item in items)
    await check(database)


async def test_stop_on_whatsapp_leaves_the_customers_other_channels_alone(
    client: httpx.AsyncClient, database: Database
) -> None:
    accepted = await Inbox(database).accept(form_message())
    await post_signed(client, fields("STOP"))
    other = await fetch_value(
        database,
        "SELECT i.opted_out_at FROM customer_identifiers i JOIN conversations c USING (identifier_id) "
        f"WHERE c.conversation_id = '{accepted.conversation_id}'",
    )
    assert other is None


async def due_now(database: Database) -> None:
    """The quiet window is over."""
    async with database.connection() as connection:
        await connection.execute("UPDATE work SET due_at = now() WHERE due_at IS NOT NULL")


async def fetch_all(database: Database, sql: str) -> list[dict[str, object]]:
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch(sql)]
