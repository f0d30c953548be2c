"""The sender over a Twilio that misbehaves: what surely did not arrive, what may have, what a person must see."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.errors import FteError, ProviderAway, ProviderBusy, RecipientOptedOut, SendAmbiguous, SendRejected
from agent.records import Channel, IdentifierKind, Identity, OutboxItem
from channels.whatsapp.addresses import thread_of
from channels.whatsapp.api import TwilioApi, retry_after_s
from channels.whatsapp.sender import VARIABLE_MAX, TwilioSender
from crm.database import Database
from tests.fakes.twilio_contract import DESCRIPTION, Contract
from tests.fakes.twilio_server import NUMBER, FakeTwilio, Fault, fake_twilio
from tests.integration.test_sender_conformance import item_for
from tests.integration.whatsapp_spine import BASE_URL, TEMPLATE, twilio_sender

DAY_S = 24 * 3600.0


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as server:
        yield server


@pytest.fixture
async def sender(twilio: FakeTwilio, database: Database) -> AsyncIterator[TwilioSender]:
    async with twilio_sender(twilio, database) as sender:
        yield sender


def reply(body: str = "An answer.", **changes: object) -> OutboxItem:
    return replace(item_for(Channel.WHATSAPP, body), **changes)  # type: ignore[arg-type]


def test_requests_are_held_against_twilios_own_description() -> None:
    contract = Contract.read()
    if contract is None:
        pytest.skip(f"Twilio's description is not at {DESCRIPTION.name}: it is no part of the project")
    path = "/2010-04-01/Accounts/AC" + "0" * 32 + "/Messages.json"
    good = {"To": ["whatsapp:+15550100123"], "From": [f"whatsapp:{NUMBER}"], "Body": ["x"]}
    assert contract.problems("POST", path, {}, good) == []
    assert contract.problems("POST", path, {}, good | {"Token": ["x"]}) == ["Token is no parameter of it"]
    assert contract.problems("POST", path, {}, {}) == ["To is required"]
    assert contract.problems("GET", path, {"PageSize": ["5000"]}, {}) == ["PageSize is out of range"]


async def test_a_reply_goes_from_our_number_to_the_sender_with_an_address_for_reports(
    twilio: FakeTwilio, sender: TwilioSender
) -> None:
    item = reply()
    sid = await sender.send(item)
    (message,) = twilio.sent
    assert message.sid == sid
    assert dict(message.form) == {
        "To": f"whatsapp:{item.identity.value}",
        "From": f"whatsapp:{NUMBER}",
        "Body": "An answer.",
        "StatusCallback": f"{BASE_URL}/webhooks/whatsapp/status?outbox={item.outbox_id}&part=0",
    }


async def test_a_reply_goes_from_the_number_that_was_written_to(twilio: FakeTwilio, sender: TwilioSender) -> None:
    await sender.send(reply(thread_key=thread_of("+15550100123", "+15550100998")))
    assert twilio.sent[0].sent_from == "whatsapp:+15550100998"


async def test_a_sender_without_a_number_is_answered_at_its_user_id(twilio: FakeTwilio, sender: TwilioSender) -> None:
    identity = Identity(IdentifierKind.WHATSAPP_USER, "US.13491208655302741918", verified=True)
    await sender.send(reply(identity=identity))
    assert twilio.sent[0].to == "whatsapp:US.13491208655302741918"


@pytest.mark.parametrize(
    ("fault", "error", "arrived"),
    [
        (Fault.CUT_AFTER_ACCEPT, SendAmbiguous, 1),
        (Fault.CUT_BEFORE_ACCEPT, SendAmbiguous, 0),
        (Fault.ERROR_AFTER_ACCEPT, SendAmbiguous, 1),
        (Fault.ERROR, SendAmbiguous, 0),
        (Fault.PAGE_AFTER_ACCEPT, SendAmbiguous, 1),
        (Fault.NAMELESS_AFTER_ACCEPT, SendAmbiguous, 1),
        (Fault.BUSY, ProviderBusy, 0),
        (21211, SendRejected, 0),
        (63007, SendRejected, 0),
        (99999, SendRejected, 0),
        (21610, RecipientOptedOut, 0),
        (63018, ProviderBusy, 0),
        (20429, ProviderBusy, 0),
        (20003, ProviderAway, 0),
        (63016, SendRejected, 0),
    ],
)
async def test_each_trouble_is_sorted_by_what_is_to_be_done(
    twilio: FakeTwilio, sender: TwilioSender, fault: Fault | int, error: type[FteError], arrived: int
) -> None:
    twilio.faults.append(fault)
    with pytest.raises(error) as caught:
        await sender.send(reply())
    assert type(caught.value) is error
    assert len(twilio.sent) == arrived
    assert "+1555" not in str(caught.value)


async def test_what_twilio_asks_to_wait_is_waited(twilio: FakeTwilio, sender: TwilioSender) -> None:
    twilio.faults.append(Fault.BUSY)
    with pytest.raises(ProviderBusy) as caught:
        await sender.send(reply())
    assert 3.0 <= caught.value.pause_s <= 3.6


def test_a_date_to_wait_for_is_understood_and_nonsense_is_not() -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert 25 <= retry_after_s(soon) <= 40
    assert retry_after_s("soon") == retry_after_s(None) == retry_after_s("nan") == 0.0
    assert 600 <= retry_after_s("inf") <= 720


async def test_a_server_that_is_not_there_certainly_got_nothing(twilio: FakeTwilio, database: Database) -> None:
    api = TwilioApi(replace(twilio.account, api_url="http://127.0.0.1:9"))
    sender = TwilioSender(api, callback_url=BASE_URL, template="", known_ids=lambda _: no_ids())
    with pytest.raises(ProviderAway):
        await sender.send(reply())
    await api.close()


async def no_ids() -> set[str]:
    return set()


@pytest.mark.parametrize(("since_s", "free"), [(DAY_S - 1, True), (DAY_S + 1, False)])
async def test_after_24_hours_only_the_approved_template_is_sent(
    twilio: FakeTwilio, database: Database, since_s: float, free: bool
) -> None:
    async with twilio_sender(twilio, database, TEMPLATE) as sender:
        await sender.send(reply("One line.\nAnother   line.", since_inbound_s=since_s))
    form = twilio.sent[0].form
    assert ("Body" in form) == free
    assert ("ContentSid" in form) == (not free)
    if not free:
        assert form["ContentSid"] == TEMPLATE
        assert json.loads(form["ContentVariables"]) == {"1": "TF-20260101-0001", "2": "One line. Another line."}


@pytest.mark.parametrize("since_s", [DAY_S + 1, None])
async def test_without_a_template_a_late_reply_goes_to_a_person_and_not_to_twilio(
    twilio: FakeTwilio, sender: TwilioSender, since_s: float | None
) -> None:
    with pytest.raises(SendRejected, match="24 hours"):
        await sender.send(reply(since_inbound_s=since_s))
    assert twilio.sent == []


async def test_when_twilios_clock_closes_the_window_the_template_follows(
    twilio: FakeTwilio, database: Database
) -> None:
    twilio.faults.append(63016)
    async with twilio_sender(twilio, database, TEMPLATE) as sender:
        await sender.send(reply(since_inbound_s=DAY_S - 0.1))
    assert [message.form.get("ContentSid") for message in twilio.sent] == [TEMPLATE]


async def test_a_long_late_reply_is_divided_so_that_each_part_fits_the_template(
    twilio: FakeTwilio, database: Database
) -> None:
    item = reply("A sentence of a few words. " * 100, since_inbound_s=DAY_S + 1)
    async with twilio_sender(twilio, database, TEMPLATE) as sender:
        parts = sender.split(item)
        assert len(parts) > 1
        for number in range(len(parts)):
            await sender.send(replace(item, parts=parts, part=number))
    texts = [json.loads(message.form["ContentVariables"])["2"] for message in twilio.sent]
    assert texts == list(parts)
    assert max(map(len, texts)) <= VARIABLE_MAX


async def test_an_uncertain_template_is_found_by_its_text_and_ticket(twilio: FakeTwilio, database: Database) -> None:
    twilio.faults.append(Fault.CUT_AFTER_ACCEPT)
    item = reply(since_inbound_s=DAY_S + 1)
    async with twilio_sender(twilio, database, TEMPLATE) as sender:
        with pytest.raises(SendAmbiguous):
            await sender.send(item)
        assert await sender.find_sent(replace(item, was_unknown=True)) == twilio.sent[0].sid


async def test_the_same_words_sent_before_or_to_others_are_not_taken_for_ours(
    twilio: FakeTwilio, sender: TwilioSender
) -> None:
    await sender.send(reply())
    twilio.sent[0].created_at -= timedelta(minutes=5)
    await sender.send(reply(identity=Identity(IdentifierKind.PHONE, "+15550100777", verified=True)))
    assert await sender.find_sent(reply(was_unknown=True)) is None


async def test_among_hundreds_of_messages_ours_is_found_on_a_later_page(
    twilio: FakeTwilio, sender: TwilioSender
) -> None:
    item = reply()
    sid = await sender.send(item)
    for number in range(250):
        await sender.send(reply(f"Other {number}."))
    assert await sender.find_sent(replace(item, was_unknown=True)) == sid


async def test_an_uncertain_send_that_failed_at_twilio_goes_to_a_person(
    twilio: FakeTwilio, sender: TwilioSender
) -> None:
    item = reply()
    await sender.send(item)
    twilio.sent[0].status, twilio.sent[0].error_code = "failed", 63016
    with pytest.raises(SendRejected, match="63016"):
        await sender.find_sent(replace(item, was_unknown=True))


async def test_a_list_that_is_refused_says_nothing_about_the_send(twilio: FakeTwilio, database: Database) -> None:
    api = TwilioApi(replace(twilio.account, sid="AC" + "e" * 32))
    sender = TwilioSender(api, callback_url=BASE_URL, template="", known_ids=lambda _: no_ids())
    with pytest.raises(ProviderAway):
        await sender.find_sent(reply(was_unknown=True))
    await api.close()
