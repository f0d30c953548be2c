"""Messages that a webhook outage missed are found at Twilio, and taken once, by whichever way they come first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.records import MissedReport
from agent.workers.reconcile import ReconcileLoop
from channels.whatsapp.api import TwilioApi
from channels.whatsapp.missed import TwilioMissed
from crm.audit import audit
from crm.channel_syncs import ChannelSyncs
from crm.database import Database
from crm.inbox import Inbox
from crm.outbox import Outbox
from deployments.providers import record_missed_report
from tests.fakes.twilio_server import ACCOUNT, NUMBER, FakeTwilio, fake_twilio, new_sid
from tests.integration.http_spine import http_client
from tests.integration.test_turns import fetch_value
from tests.integration.whatsapp_spine import CUSTOMER, fields, post_signed, whatsapp_services


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as server:
        yield server


@asynccontextmanager
async def reconciler(database: Database, twilio: FakeTwilio, wrong: bool = False) -> AsyncIterator[ReconcileLoop]:
    account = replace(twilio.account, sid="AC" + "e" * 32) if wrong else twilio.account
    api, outbox = TwilioApi(account), Outbox(database)

    async def report(missed: MissedReport) -> None:
        await record_missed_report(outbox, missed)

    yield ReconcileLoop(
        TwilioMissed(api), ChannelSyncs(database), Inbox(database).accept, report, lambda: None, database.times
    )
    await api.close()


async def look(database: Database, twilio: FakeTwilio, *, wrong: bool = False, since_s: float = 600.0) -> None:
    """As if the last look had been so long ago."""
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO channel_syncs (source, synced_until) VALUES ($1, now() - make_interval(secs => $2)) "
            "ON CONFLICT (source) DO UPDATE SET synced_until = excluded.synced_until, lease_until = NULL",
            f"whatsapp:{NUMBER}",
            since_s,
        )
    async with reconciler(database, twilio, wrong) as loop:
        await loop._round()


async def test_a_message_whose_webhook_never_came_is_taken(database: Database, twilio: FakeTwilio) -> None:
    missed = twilio.add_inbound(CUSTOMER, "Is anybody there?", ago_s=300)
    await look(database, twilio)
    assert await fetch_value(database, "SELECT provider_message_id FROM messages") == missed.sid
    assert await fetch_value(database, "SELECT body FROM messages") == "Is anybody there?"


async def test_what_came_by_webhook_is_not_taken_again_in_whatever_order(
    database: Database, twilio: FakeTwilio
) -> None:
    first, second = (twilio.add_inbound(CUSTOMER, body, ago_s=300) for body in ("one", "two"))
    async with http_client(whatsapp_services(database)) as client:
        await post_signed(client, fields("one", first.sid))
        await look(database, twilio)
        assert (await post_signed(client, fields("two", second.sid))).status_code == 200
    await look(database, twilio)
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 2
    assert await fetch_value(database, "SELECT count(*) FROM conversations") == 1
    found = await audit(database, [], settled=False)
    assert found.clean, str(found)


async def test_a_webhook_on_its_way_is_given_time_because_it_knows_more(database: Database, twilio: FakeTwilio) -> None:
    twilio.add_inbound(CUSTOMER, "just now", ago_s=5)
    await look(database, twilio)
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 0


async def test_stop_that_was_missed_counts(database: Database, twilio: FakeTwilio) -> None:
    twilio.add_inbound(CUSTOMER, "STOP", ago_s=300)
    await look(database, twilio)
    assert await fetch_value(database, "SELECT opted_out_at IS NOT NULL FROM customer_identifiers")


async def test_what_was_missed_is_taken_in_the_order_in_which_it_was_written(
    database: Database, twilio: FakeTwilio
) -> None:
    written = ["STOP", "START", "My board is gone.", "It was called Apollo.", "Can you bring it back?"]
    for place, body in enumerate(written):
        twilio.add_inbound(CUSTOMER, body, ago_s=300 - place)
    await look(database, twilio)
    async with database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM messages WHERE direction = 'inbound' ORDER BY seq")
    assert [row["body"] for row in rows] == written
    assert await fetch_value(database, "SELECT opted_out_at IS NULL FROM customer_identifiers"), "START was last"


async def test_files_of_a_missed_message_are_fetched_too(database: Database, twilio: FakeTwilio) -> None:
    file = "ME" + "d" * 32
    missed = twilio.add_inbound(CUSTOMER, "Look", ago_s=300, media={file: ("image/png", b"x")})
    await look(database, twilio)
    url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/{missed.sid}/Media/{file}"
    assert await fetch_value(database, "SELECT url FROM media_fetches") == url


async def test_a_failure_whose_report_was_missed_reaches_a_person(database: Database, twilio: FakeTwilio) -> None:
    from tests.integration.test_whatsapp_delivery import line_to_twilio

    async with line_to_twilio(database) as line:
        await line.answer()
        await line.courier.deliver()
        line.twilio.sent[0].status, line.twilio.sent[0].error_code = "undelivered", 63016
        line.twilio.messages.append(replace(line.twilio.sent[0], sid=new_sid("SM")))
        await look(database, line.twilio)
    assert await fetch_value(database, "SELECT state FROM conversations") == "escalated"
    assert await fetch_value(database, "SELECT state FROM outbox") == "failed"
    assert await fetch_value(database, "SELECT count(*) FROM delivery_events") == 1


async def test_one_of_many_couriers_looks_at_a_time(database: Database) -> None:
    syncs = ChannelSyncs(database)
    assert await syncs.claim("a", 0.0, 60.0) is not None
    assert await syncs.claim("a", 0.0, 60.0) is None, "another reads now"
    await syncs.record_synced("a", datetime.now(UTC))
    assert await syncs.claim("a", 300.0, 60.0) is None, "it was read just now"
    await syncs.record_synced("a", datetime.now(UTC) - timedelta(hours=1))
    assert await syncs.claim("a", 300.0, 60.0) is None, "what is known stays known"


async def test_a_look_that_fails_is_kept_and_begins_there_again(database: Database, twilio: FakeTwilio) -> None:
    missed = twilio.add_inbound(CUSTOMER, "hello", ago_s=3_000)
    await look(database, twilio, wrong=True, since_s=3_600)
    assert "refuses" in await fetch_value(database, "SELECT last_error FROM channel_syncs")
    since = await fetch_value(database, "SELECT synced_until FROM channel_syncs")
    assert datetime.now(UTC) - since > timedelta(minutes=50)
    await look(database, twilio, since_s=3_600)
    assert await fetch_value(database, "SELECT provider_message_id FROM messages") == missed.sid


async def test_a_page_in_place_of_a_list_is_an_outage_and_ends_no_loop(database: Database, twilio: FakeTwilio) -> None:
    missed = twilio.add_inbound(CUSTOMER, "hello", ago_s=3_000)
    twilio.list_pages = 1
    await look(database, twilio, since_s=3_600)
    assert "nobody understands" in await fetch_value(database, "SELECT last_error FROM channel_syncs")
    await look(database, twilio, since_s=3_600)
    assert await fetch_value(database, "SELECT provider_message_id FROM messages") == missed.sid
