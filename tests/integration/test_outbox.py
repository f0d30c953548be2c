"""Deliver: in order, once, never blindly again, and never over a person's head."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from agent.errors import LeaseLost
from agent.records import Accepted, Channel, OutboxItem
from agent.workers.delivery import DeliveryLoop
from channels.stored import StoredSender
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.outbox import Outbox
from deployments.providers import lanes_of
from tests.integration.spine import form_message, reply_to, whatsapp_message
from tests.integration.test_turns import begin, fetch_value

STATE_OF_FORM = "SELECT o.state FROM outbox o JOIN conversations c USING (conversation_id) WHERE c.channel = 'web_form'"


async def answer(database: Database, thread: str = "+15550120", text: str = "hello") -> Accepted:
    accepted = await Inbox(database).accept(whatsapp_message(thread))
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, reply_to(context, text), allow_rerun=False)
    return accepted


async def make_sends_due(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("UPDATE outbox SET due_at = now(), lease_until = now() WHERE finished_at IS NULL")


async def claim_one(database: Database) -> OutboxItem:
    await make_sends_due(database)
    (item,) = await Outbox(database).claim(10)
    return item


async def test_reply_is_claimed_once_and_recorded(database: Database) -> None:
    await answer(database)
    outbox = Outbox(database)
    (item,) = await outbox.claim(10)
    assert (item.body, item.identity.value) == ("hello", "+15550120")
    assert await outbox.claim(10) == []
    assert await outbox.record_sent([(item, "SM1")]) == 1
    assert await fetch_value(database, "SELECT state FROM outbox") == "sent"
    assert await fetch_value(database, "SELECT count(*) FROM agent_metrics WHERE kind = 'deliver'") == 1


async def test_nothing_overtakes_within_a_conversation(database: Database) -> None:
    for number in range(3):
        await answer(database, text=f"part {number}")
    await answer(database, thread="+15550121", text="other")
    outbox = Outbox(database)
    items = await outbox.claim(10)
    assert sorted(item.body for item in items) == ["other", "part 0"]
    await outbox.record_unknown(next(item for item in items if item.body == "part 0"), "timeout")
    assert await outbox.claim(10) == []


async def test_a_provider_that_hangs_holds_up_no_other_channel(database: Database) -> None:
    await answer(database)
    form = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, form.customer_id)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    reached, goes_on = asyncio.Event(), asyncio.Event()

    class Hanging(StoredSender):
        async def send(self, item: OutboxItem) -> str:
            reached.set()
            await goes_on.wait()
            return await super().send(item)

    async def listen(*_: object) -> Callable[[], Awaitable[None]]:
        return no_more

    async def no_more() -> None:
        return

    senders = {channel: StoredSender(channel.value) for channel in Channel} | {Channel.WHATSAPP: Hanging("whatsapp")}
    patient = replace(database.times, send_timeout_s=300.0, send_lease_s=400.0)
    loops = [
        DeliveryLoop(Outbox(database, channels=channels), senders, listen, lambda: None, patient)
        for channels in lanes_of(frozenset({Channel.WHATSAPP}))
    ]
    running = [asyncio.create_task(loop.run()) for loop in loops]
    async with asyncio.timeout(60):
        await reached.wait()
        while await fetch_value(database, STATE_OF_FORM) != "sent":  # noqa: ASYNC110  # the database is no event
            await asyncio.sleep(0.01)
    assert not goes_on.is_set()
    goes_on.set()
    for loop in loops:
        loop.stop()
    await asyncio.gather(*running)


@pytest.mark.parametrize("apart", [set(), {Channel.WHATSAPP}, {Channel.WHATSAPP, Channel.EMAIL}, set(Channel)])
def test_each_channel_has_one_delivery_loop(apart: set[Channel]) -> None:
    lanes = lanes_of(frozenset(apart))
    together = [channel for lane in lanes for channel in (lane if lane is not None else Channel)]
    assert sorted(together) == sorted(Channel)
    assert all({channel} in lanes for channel in apart)


async def test_what_waits_in_another_channel_is_nobodys_work(database: Database) -> None:
    await answer(database)
    form = Outbox(database, channels=[Channel.WEB_FORM, Channel.EMAIL])
    assert await form.claim(10) == []
    assert await form.seconds_until_due() is None
    whatsapp = Outbox(database, channels=[Channel.WHATSAPP])
    assert (await whatsapp.seconds_until_due() or 0.0) <= 0.0
    assert len(await whatsapp.claim(10)) == 1


async def test_expired_send_is_looked_up_twice_before_it_is_sent_again(database: Database) -> None:
    await answer(database)
    outbox = Outbox(database)
    first = (await outbox.claim(10))[0]
    for _ in range(2):
        item = await claim_one(database)
        assert item.was_unknown
        assert item.send_token == first.send_token
        await outbox.record_not_found(item)
    again = await claim_one(database)
    assert not again.was_unknown
    assert await outbox.record_sent([(first, "SM-zombie")]) == 0
    assert await outbox.record_sent([(again, "SM2")]) == 1


async def test_a_remembered_draft_is_with_every_later_look_at_the_send(database: Database) -> None:
    await answer(database)
    outbox = Outbox(database)
    (item,) = await outbox.claim(10)
    assert item.provider_draft == ""
    await outbox.remember_draft(item, "r-1")
    assert (await claim_one(database)).provider_draft == "r-1"


async def test_a_draft_of_a_lost_lease_is_refused(database: Database) -> None:
    await answer(database)
    outbox = Outbox(database)
    (item,) = await outbox.claim(10)
    await claim_one(database)
    with pytest.raises(LeaseLost):
        await outbox.remember_draft(item, "r-late")
    assert await fetch_value(database, "SELECT provider_draft FROM outbox") is None


async def test_send_that_never_arrives_goes_to_a_person(database: Database, times) -> None:
    await answer(database)
    for _ in range(times.send_budget):
        await Outbox(database).record_retry(
            await claim_one(database) if _ else (await Outbox(database).claim(1))[0], "503"
        )
    assert await fetch_value(database, "SELECT state FROM outbox") == "failed"
    assert await fetch_value(database, "SELECT reason_code FROM escalations") == "tool_failure"
    assert await fetch_value(database, "SELECT state FROM conversations") == "escalated"


async def test_takeover_cancels_what_is_not_yet_sent(database: Database) -> None:
    accepted = await answer(database)
    await Desk(database).take(accepted.conversation_id, "grace")
    assert await Outbox(database).claim(10) == []
    assert await fetch_value(database, "SELECT state FROM outbox") == "cancelled"


async def test_opt_out_cancels_what_is_not_yet_sent(database: Database) -> None:
    await answer(database)
    async with database.connection() as connection:
        await connection.execute("UPDATE customer_identifiers SET opted_out_at = now()")
    assert await Outbox(database).claim(10) == []
    assert await fetch_value(database, "SELECT state FROM outbox") == "cancelled"


@pytest.mark.parametrize("count", [1, 3])
async def test_a_persons_reply_is_sent_in_order(database: Database, count: int) -> None:
    accepted = await Inbox(database).accept(form_message())
    for number in range(count):
        await Desk(database).reply(accepted.conversation_id, "grace", f"reply {number}")
    bodies = []
    for _ in range(count):
        item = (await Outbox(database).claim(10))[0]
        bodies.append(item.body)
        await Outbox(database).record_sent([(item, f"id-{item.outbox_id}")])
    assert bodies == [f"reply {number}" for number in range(count)]
