"""From the outbox to a Twilio that misbehaves, and back by its reports: nothing twice, nothing lost, in order."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx
import pytest

from agent.records import Channel, ReportEffect, SendRate
from channels.whatsapp.reports import to_report
from crm.audit import audit
from crm.database import Database
from crm.desk import Desk
from crm.outbox import Outbox
from tests.fakes.twilio_server import FakeTwilio, Fault, fake_twilio, new_sid
from tests.integration.http_spine import answer_due, http_client
from tests.integration.spine import reply_to
from tests.integration.test_turns import fetch_value
from tests.integration.test_whatsapp_webhooks import due_now, fetch_all
from tests.integration.whatsapp_spine import (
    TEMPLATE,
    Courier,
    claim,
    fields,
    make_due,
    post_signed,
    report,
    twilio_sender,
    whatsapp_services,
)

LONG = " ".join(f"This is sentence number {n}." for n in range(200))
UNLIMITED = SendRate(per_second=1e6, burst=1_000, recipient_per_second=1e6, recipient_burst=1_000)


@dataclass
class Line:
    """A customer who has written, and everything between them and us."""

    database: Database
    client: httpx.AsyncClient
    twilio: FakeTwilio
    courier: Courier

    async def answer(self, text: str = "hello") -> None:
        await post_signed(self.client, fields())
        await due_now(self.database)
        await answer_due(self.database, lambda context: reply_to(context, text), deliver=False)

    async def value(self, sql: str) -> object:
        return await fetch_value(self.database, sql)

    async def check(self) -> None:
        found = await audit(self.database, [], settled=False)
        assert found.clean, str(found)


@asynccontextmanager
async def line_to_twilio(database: Database, template: str = "") -> AsyncIterator[Line]:
    async with (
        fake_twilio() as twilio,
        twilio_sender(twilio, database, template) as sender,
        http_client(whatsapp_services(database)) as client,
    ):
        yield Line(database, client, twilio, Courier(database, sender))


@pytest.fixture
async def line(database: Database) -> AsyncIterator[Line]:
    async with line_to_twilio(database) as line:
        yield line


@pytest.mark.parametrize("fault", list(Fault))
async def test_whatever_happens_to_the_request_the_customer_gets_one_reply(database: Database, fault: Fault) -> None:
    async with line_to_twilio(database) as line:
        line.twilio.faults.append(fault)
        await line.answer()
        if fault is Fault.HANG_AFTER_ACCEPT:  # a short patience, and only with what is never answered
            line.courier._times = replace(database.times, send_timeout_s=0.5)
            await line.courier.deliver()
            line.courier._times = database.times
        await line.courier.deliver_all()
        assert len(line.twilio.sent) == 1
        assert await line.value("SELECT provider_message_id FROM outbox") == line.twilio.sent[0].sid
        await line.check()


async def test_an_uncertain_send_is_looked_up_twice_before_it_is_sent_again(line: Line) -> None:
    line.twilio.faults.append(Fault.CUT_BEFORE_ACCEPT)
    await line.answer()
    await line.courier.deliver()
    for lookups in (1, 2):
        assert line.twilio.sent == []
        await make_due(line.database)
        await line.courier.deliver()
        asked = [target for method, target, _ in line.twilio.requests if method == "GET"]
        assert len(asked) == lookups
    assert len(line.twilio.sent) == 1


async def test_a_list_that_lags_once_does_not_make_a_second_send(line: Line) -> None:
    line.twilio.faults.append(Fault.CUT_AFTER_ACCEPT)
    line.twilio.list_lag = 1
    await line.answer()
    await line.courier.deliver_all()
    assert len(line.twilio.sent) == 1


async def test_a_look_up_that_is_answered_by_a_page_says_nothing_about_the_send(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.twilio.faults.append(Fault.CUT_AFTER_ACCEPT)
    line.twilio.list_pages = 3
    await line.answer()
    await line.courier.deliver_all()
    assert len(line.twilio.sent) == 1
    assert await line.value("SELECT provider_message_id FROM outbox") == line.twilio.sent[0].sid
    assert "unforeseen" not in caplog.text
    await line.check()


async def test_a_report_proves_an_uncertain_send_even_when_the_list_never_shows_it(line: Line) -> None:
    line.twilio.faults.append(Fault.CUT_AFTER_ACCEPT)
    line.twilio.list_lag = 100
    await line.answer()
    await line.courier.deliver()
    outbox_id = await line.value("SELECT outbox_id FROM outbox")
    assert (await report(line.client, outbox_id, line.twilio.sent[0].sid, "sent")).status_code == 200
    await line.courier.deliver()
    assert await line.value("SELECT state FROM outbox") == "sent"
    assert len(line.twilio.sent) == 1
    assert line.twilio.list_lag == 100, "nobody had to ask"


async def test_a_report_between_the_look_ups_and_the_next_send_stops_that_send(line: Line) -> None:
    line.twilio.faults.append(Fault.CUT_AFTER_ACCEPT)
    line.twilio.list_lag = 100
    await line.answer()
    await line.courier.deliver()
    outbox = Outbox(line.database)
    for _ in range(2):
        await outbox.record_not_found(await claim(line.database))
    assert await line.value("SELECT state FROM outbox") == "pending"
    await report(line.client, await line.value("SELECT outbox_id FROM outbox"), line.twilio.sent[0].sid, "delivered")
    await line.courier.deliver_all()
    assert len(line.twilio.sent) == 1


async def test_a_second_id_for_a_part_is_seen(line: Line) -> None:
    await line.answer()
    await line.courier.deliver()
    outbox_id = await line.value("SELECT outbox_id FROM outbox")
    await report(line.client, outbox_id, new_sid("SM"), "delivered")
    found = await audit(line.database, [], settled=False)
    assert any("was sent as" in finding for finding in found.findings)


async def test_a_long_reply_goes_in_parts_in_order_each_once(line: Line) -> None:
    await line.answer(LONG)
    await line.courier.deliver_all()
    bodies = [message.body for message in line.twilio.sent]
    assert len(bodies) > 2
    assert [body[:6] for body in bodies] == [f"({n}/{len(bodies)}) " for n in range(1, len(bodies) + 1)]
    assert " ".join(body[6:] for body in bodies) == LONG
    assert await line.value("SELECT count(*) FROM outbox_parts") == len(bodies)
    await line.check()


async def test_the_next_part_waits_for_a_report_that_the_one_before_is_on_its_way(line: Line) -> None:
    await line.answer(LONG)
    await line.courier.deliver()
    assert len(line.twilio.sent) == 1
    outbox_id = await line.value("SELECT outbox_id FROM outbox")
    await report(line.client, outbox_id, line.twilio.sent[0].sid, "queued")
    await line.courier.deliver()
    assert len(line.twilio.sent) == 1
    await report(line.client, outbox_id, line.twilio.sent[0].sid, "sent")
    await line.courier.deliver()
    assert len(line.twilio.sent) == 2


async def test_a_courier_that_dies_between_parts_repeats_none(line: Line) -> None:
    """Killed before each part is sent, after it was sent, and after that was recorded."""
    await line.answer(LONG)
    await line.courier.deliver()
    sender = line.courier._senders[Channel.WHATSAPP]
    while await line.courier.open():
        item = await claim(line.database)
        if not item.was_unknown and not item.reported_id:
            await sender.send(item)
        # Nothing is recorded: the lease ends, and another courier finds the part in hand uncertain.
        await make_due(line.database)
        await line.courier.deliver()
        await make_due(line.database)
        await line.courier.deliver()
    bodies = [message.body for message in line.twilio.sent]
    assert len(bodies) == len(set(bodies))
    assert [body[:3] for body in bodies] == [f"({n}/" for n in range(1, len(bodies) + 1)]


async def test_a_takeover_between_parts_stops_the_rest(line: Line) -> None:
    await line.answer(LONG)
    await line.courier.deliver()
    await Desk(line.database).take(await line.value("SELECT conversation_id FROM conversations"), "grace")
    await make_due(line.database)
    await line.courier.deliver()
    assert len(line.twilio.sent) == 1
    assert await line.value("SELECT state FROM outbox") == "cancelled"
    await line.check()


async def test_every_order_of_reports_ends_the_same(line: Line) -> None:
    reports = [("queued", ""), ("sent", ""), ("delivered", ""), ("read", ""), ("failed", "63016")]
    for ends_badly, chosen in ((False, reports[:4]), (True, reports)):
        ends = set()
        for order in itertools.permutations(chosen):
            await line.answer()
            item = await claim(line.database)
            sid = new_sid("SM")
            early, late = order[:2], order[2:]
            for status, code in early:
                await line.courier.outbox.record_report(to_report(item.outbox_id, 0, sid, status, code))
            await line.courier.outbox.record_sent([(item, sid)], {item.outbox_id})
            for status, code in late:
                await line.courier.outbox.record_report(to_report(item.outbox_id, 0, sid, status, code))
            (row,) = await fetch_all(
                line.database,
                "SELECT o.state, p.status, p.error_code, c.state AS conversation, "
                "(SELECT count(*) FROM escalations e WHERE e.conversation_id = c.conversation_id) AS escalations, "
                "(SELECT count(*) FROM delivery_events d WHERE d.outbox_id = o.outbox_id) AS events "
                "FROM outbox o JOIN outbox_parts p USING (outbox_id) JOIN conversations c USING (conversation_id) "
                f"WHERE o.outbox_id = '{item.outbox_id}'",
            )
            ends.add(tuple(row.values()))
            await start_anew(line.database)
        expected = (
            ("failed", "failed", 63016, "escalated", 1, 5) if ends_badly else ("sent", "read", None, "open", 0, 4)
        )
        assert ends == {expected}


async def start_anew(database: Database) -> None:
    """The next one has a conversation of its own."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE conversations SET thread_key = conversation_id::text; "
            "UPDATE customer_identifiers SET value = '+1555' || abs(hashtext(identifier_id::text))"
        )


async def test_reports_at_the_same_time_as_the_answer_end_the_same(line: Line) -> None:
    for _ in range(10):
        await line.answer()
        item = await claim(line.database)
        sid = new_sid("SM")
        await asyncio.gather(
            *(
                line.courier.outbox.record_report(to_report(item.outbox_id, 0, sid, status, code))
                for status, code in (("sent", ""), ("undelivered", "63024"), ("delivered", ""))
            ),
            line.courier.outbox.record_sent([(item, sid)], {item.outbox_id}),
        )
        rows = await fetch_all(line.database, f"SELECT state FROM outbox WHERE outbox_id = '{item.outbox_id}'")
        assert rows == [{"state": "failed"}]
        await start_anew(line.database)
    await line.check()


async def test_a_window_that_closed_is_told_to_a_person_even_when_only_a_report_says_so(line: Line) -> None:
    await line.answer()
    await line.courier.deliver()
    answer = await report(
        line.client,
        await line.value("SELECT outbox_id FROM outbox"),
        line.twilio.sent[0].sid,
        "failed",
        ErrorCode="63016",
        ErrorMessage="",
    )
    assert answer.status_code == 200
    assert await line.value("SELECT state FROM conversations") == "escalated"
    assert "24 hours" in str(await line.value("SELECT summary FROM escalations"))
    await line.check()


@pytest.mark.parametrize(("age", "sent"), [("23:59:50", 1), ("24:00:01", 0)])
async def test_the_window_is_counted_from_the_customers_last_message(line: Line, age: str, sent: int) -> None:
    await line.answer()
    async with line.database.connection() as connection:
        await connection.execute(f"UPDATE conversations SET last_message_at = now() - interval '{age}'")
    await line.courier.deliver()
    assert len(line.twilio.sent) == sent
    assert await line.value("SELECT state FROM conversations") == ("open" if sent else "escalated")
    await line.check()


async def test_a_late_reply_of_a_person_goes_by_the_template(database: Database) -> None:
    async with line_to_twilio(database, TEMPLATE) as line:
        await line.answer()
        await line.courier.deliver()
        async with database.connection() as connection:
            await connection.execute("UPDATE conversations SET last_message_at = now() - interval '25 hours'")
        await Desk(database).reply(await line.value("SELECT conversation_id FROM conversations"), "grace", "Done.")
        await line.courier.deliver()
        assert [message.form.get("ContentSid") for message in line.twilio.sent] == [None, TEMPLATE]


@pytest.mark.parametrize("by_report", [False, True])
async def test_who_opted_out_at_twilio_is_not_written_to_again(line: Line, by_report: bool) -> None:
    await line.answer()
    if by_report:
        await line.courier.deliver()
        outbox_id = await line.value("SELECT outbox_id FROM outbox")
        await report(line.client, outbox_id, line.twilio.sent[0].sid, "failed", ErrorCode="21610")
    else:
        line.twilio.faults.append(21610)
        await line.courier.deliver()
    assert await line.value("SELECT state FROM outbox") == "cancelled"
    assert await line.value("SELECT source FROM consents") == "provider"
    assert await line.value("SELECT opted_out_at IS NOT NULL FROM customer_identifiers")
    assert await line.value("SELECT count(*) FROM escalations") == 0
    await line.check()


async def test_a_number_that_is_refused_goes_to_a_person(line: Line) -> None:
    line.twilio.faults.append(63003)
    await line.answer()
    await line.courier.deliver()
    assert await line.value("SELECT state FROM outbox") == "failed"
    assert "63003" in str(await line.value("SELECT summary FROM escalations"))
    await line.check()


async def test_what_twilio_asks_to_wait_is_the_least_pause(line: Line) -> None:
    line.twilio.faults.append(Fault.BUSY)
    await line.answer()
    await line.courier.deliver()
    pause = await line.value("SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM outbox")
    assert isinstance(pause, float)
    assert 2.0 <= pause <= 6.0


async def test_pauses_after_failures_grow_and_are_bounded(line: Line) -> None:
    await line.answer()
    longest = 0.0
    for attempt in range(1, line.database.times.send_budget):
        item = await claim(line.database)
        await line.courier.outbox.record_retry(item, "503")
        pause = await line.value("SELECT extract(epoch FROM due_at - clock_timestamp())::float8 FROM outbox")
        assert isinstance(pause, float)
        expected = min(line.database.times.send_backoff_cap_s, 0.5 * 2 ** (attempt - 1))
        assert 0.7 * expected <= pause <= 1.2 * expected + 0.1
        longest = max(longest, pause)
    assert longest > 60, "a provider that is away for minutes is waited for"


async def test_a_sender_takes_its_rate_and_no_more_over_all_couriers(database: Database) -> None:
    rate = replace(UNLIMITED, per_second=10.0, burst=5)
    one, other = (Outbox(database, {Channel.WHATSAPP: rate}) for _ in range(2))
    async with line_to_twilio(database) as line:
        for _ in range(20):
            await line.answer()
            await start_anew(database)
        items = [*await one.claim(10), *await other.claim(10)]
    waits = sorted(item.wait_s for item in items)
    assert len(waits) == 20
    assert waits[4] == 0.0, "a burst leaves at once"
    assert 1.2 <= waits[-1] <= 1.5, "the others follow in their time"


async def test_a_recipient_gets_its_rate_and_others_do_not_wait_for_it(database: Database) -> None:
    rate = replace(UNLIMITED, recipient_per_second=0.1, recipient_burst=2)
    outbox = Outbox(database, {Channel.WHATSAPP: rate})
    async with line_to_twilio(database) as line:
        for _ in range(3):
            await line.answer()
        waits = []
        for _ in range(3):
            (item,) = await outbox.claim(1)
            waits.append(item.wait_s)
            await outbox.record_sent([(item, new_sid("SM"))])
        await start_anew(database)
        await line.answer()
        (item,) = await outbox.claim(1)
    assert waits[:2] == [0.0, 0.0]
    assert 9.0 <= waits[2] <= 10.0
    assert item.wait_s == 0.0


async def test_what_waits_for_its_place_keeps_it_and_spends_no_attempt(database: Database) -> None:
    slow = replace(UNLIMITED, per_second=0.1, burst=1)
    async with line_to_twilio(database) as line:
        for _ in range(2):
            await line.answer()
            await start_anew(database)
        courier = Courier(database, line.courier._senders[Channel.WHATSAPP], rate=slow)
        await courier.deliver()
        assert len(line.twilio.sent) == 1
        waiting = (
            "SELECT attempts, extract(epoch FROM due_at - clock_timestamp())::float8 AS due "
            "FROM outbox WHERE state = 'pending'"
        )
        ((attempts, due),) = [tuple(row.values()) for row in await fetch_all(database, waiting)]
        assert attempts == 0
        assert isinstance(due, float)
        assert 8.0 <= due <= 10.0
        await make_due(database)
        async with database.connection() as connection:
            await connection.execute("UPDATE outbox SET slot_at = now() WHERE state = 'pending'")
        await courier.deliver()
        assert len(line.twilio.sent) == 2


async def test_a_report_on_nothing_is_taken_and_changes_nothing(line: Line) -> None:
    answer = await report(line.client, "00000000-0000-7000-8000-000000000000", new_sid("SM"), "delivered")
    assert answer.status_code == 200
    effect = await line.courier.outbox.record_report(
        to_report("00000000-0000-7000-8000-000000000000", 0, new_sid("SM"), "failed", "")  # type: ignore[arg-type]
    )
    assert effect is ReportEffect.UNKNOWN
