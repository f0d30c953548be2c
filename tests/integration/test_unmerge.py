"""A merge taken back: each customer has its own again, with what came since, in order, and nothing twice."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from agent.errors import Conflict, FenceLost, NotFound
from agent.records import Accepted, CustomerId, InboundMessage, MergeId
from crm.audit import SentMessage, audit
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.merge import Merges, merge_customers, undo_merge
from crm.outbox import Outbox
from crm.work import WorkQueue
from tests.integration.machine.workers import decide
from tests.integration.spine import mail_message, reply_to, whatsapp_message
from tests.integration.test_identifiers import mail_from
from tests.integration.test_turns import begin, expire_leases, fetch_value

PHONE = "+15550160"
MAIL = "ada@gmail.com"


class Pair:
    """A customer by WhatsApp and one by mail, and all that was sent."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.sent: list[SentMessage] = []

    async def say(self, message: InboundMessage) -> Accepted:
        self.sent.append(SentMessage.of(message, acknowledged=True))
        return await Inbox(self.database).accept(message)

    async def answer(self, customer_id: CustomerId) -> str:
        """The identity that the next turn of a customer answers."""
        await expire_leases(self.database)
        turns, claim, context = await begin(self.database, customer_id)
        await turns.commit(claim, context, decide(context, escalating=False), allow_rerun=False)
        return context.identity.value

    async def answer_all(self) -> None:
        while due := await WorkQueue(self.database).fetch_due(10):
            await self.answer(due[0])
        outbox = Outbox(self.database)
        while items := await outbox.claim(50):
            await outbox.record_sent([(item, f"p-{item.send_token}") for item in items])

    async def check(self) -> None:
        """Everything comes to its end, and the auditor finds nothing."""
        await expire_leases(self.database)
        async with self.database.connection() as connection:
            await connection.execute("UPDATE work SET due_at = least(due_at, now()) WHERE due_at IS NOT NULL")
        await self.answer_all()
        report = await audit(self.database, self.sent, settled=True, complete=True)
        assert report.clean, str(report)


@pytest.fixture
def pair(database: Database) -> Pair:
    return Pair(database)


async def owner(database: Database, accepted: Accepted) -> CustomerId:
    return await fetch_value(
        database, "SELECT customer_id FROM conversations WHERE conversation_id = $1", accepted.conversation_id
    )


async def test_each_gets_its_own_back_with_what_came_since(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE, "one"))
    mail = await pair.say(mail_from(MAIL))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
    # The same sender again, the same thread, another thread, and another spelling of the other's address.
    again = await pair.say(whatsapp_message(PHONE, "two"))
    other_thread = await pair.say(mail_from(MAIL))
    spelled = await pair.say(mail_from("a.d.a@gmail.com"))
    assert {each.customer_id for each in (again, other_thread, spelled)} == {mail.customer_id}
    await pair.answer(mail.customer_id)
    await undo_merge(database, merge, "grace")
    assert [await owner(database, each) for each in (phone, again)] == [phone.customer_id] * 2
    assert [await owner(database, each) for each in (mail, other_thread, spelled)] == [mail.customer_id] * 3
    later = await pair.say(whatsapp_message(PHONE, "three"))
    assert later.customer_id == phone.customer_id
    assert later.conversation_id == phone.conversation_id
    assert (await pair.say(mail_from("a.d.a@gmail.com"))).customer_id == mail.customer_id
    await pair.check()


async def test_another_spelling_goes_with_the_address_that_it_is(database: Database, pair: Pair) -> None:
    mail = await pair.say(mail_from(MAIL))
    phone = await pair.say(whatsapp_message(PHONE))
    merge = await merge_customers(database, mail.customer_id, phone.customer_id, "test")
    spelled = await pair.say(mail_from("a.d.a@gmail.com"))
    assert spelled.customer_id == phone.customer_id
    await undo_merge(database, merge, "grace")
    assert await owner(database, spelled) == mail.customer_id
    assert (await pair.say(mail_from("a.d.a@gmail.com"))).customer_id == mail.customer_id
    assert await fetch_value(database, "SELECT count(*) FROM customer_identifiers WHERE verified_at IS NULL") == 0
    await pair.check()


async def test_messages_are_numbered_anew_in_their_order(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE, "one"))
    mail = await pair.say(mail_message("grace@example.com"))
    await pair.say(whatsapp_message(PHONE, "two"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
    await pair.say(whatsapp_message(PHONE, "three"))
    await undo_merge(database, merge, "grace")
    await pair.say(whatsapp_message(PHONE, "four"))
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT body FROM messages WHERE customer_id = $1 ORDER BY seq", phone.customer_id
        )
    assert [row["body"] for row in rows] == ["one", "two", "three", "four"]
    await pair.check()


async def test_running_turn_of_the_merged_customer_loses(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
    turns, claim, context = await begin(database, mail.customer_id)
    await undo_merge(database, merge, "grace")
    with pytest.raises(FenceLost):
        await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    assert await WorkQueue(database).fetch_due(10) != []
    await pair.check()


async def test_reply_that_waits_still_goes_to_the_identity_it_was_written_for(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
    assert {await pair.answer(mail.customer_id) for _ in range(2)} == {PHONE, "grace@example.com"}
    await undo_merge(database, merge, "grace")
    items = await Outbox(database).claim(10)
    assert {item.conversation_id: item.identity.value for item in items} == {
        phone.conversation_id: PHONE,
        mail.conversation_id: "grace@example.com",
    }
    await Outbox(database).record_sent([(item, f"p-{item.send_token}") for item in items])
    await pair.check()


async def test_person_keeps_the_conversation_that_they_have(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
    await Desk(database).take(phone.conversation_id, "linus")
    await undo_merge(database, merge, "grace")
    await Desk(database).reply(phone.conversation_id, "linus", "I see to it.")
    await pair.check()


async def test_merge_is_undone_once_and_can_be_made_again(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
    ends = await asyncio.gather(*(undo_merge(database, merge, "grace") for _ in range(4)), return_exceptions=True)
    assert ends.count(None) == 1
    assert sum(isinstance(end, Conflict) for end in ends) == 3
    await merge_customers(database, phone.customer_id, mail.customer_id, "again")
    assert await owner(database, phone) == mail.customer_id
    await pair.check()


async def test_later_merge_is_undone_first(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    third = await pair.say(mail_message("linus@example.com"))
    first = await merge_customers(database, phone.customer_id, mail.customer_id, "one")
    second = await merge_customers(database, mail.customer_id, third.customer_id, "two")
    with pytest.raises(Conflict, match=str(second)):
        await undo_merge(database, first, "grace")
    await undo_merge(database, second, "grace")
    assert await owner(database, phone) == mail.customer_id
    await undo_merge(database, first, "grace")
    owners = [await owner(database, each) for each in (phone, mail, third)]
    assert owners == [phone.customer_id, mail.customer_id, third.customer_id]
    await pair.check()


async def test_merges_into_one_customer_are_undone_in_any_order(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    third = await pair.say(mail_message("linus@example.com"))
    first = await merge_customers(database, phone.customer_id, third.customer_id, "one")
    await merge_customers(database, mail.customer_id, third.customer_id, "two")
    await undo_merge(database, first, "grace")
    owners = [await owner(database, each) for each in (phone, mail, third)]
    assert owners == [phone.customer_id, third.customer_id, third.customer_id]
    await pair.check()


async def test_unknown_merge_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound):
        await undo_merge(database, MergeId(uuid.uuid4()), "grace")


async def test_merges_are_listed_with_their_evidence_and_their_end(database: Database, pair: Pair) -> None:
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "a link")
    (view,) = await Merges(database).fetch()
    assert (view.merge_id, view.source_id, view.target_id) == (merge, phone.customer_id, mail.customer_id)
    assert (view.evidence, view.conversations, view.undone_at) == ("a link", 1, None)
    await Merges(database).undo(merge, "grace")
    (view,) = await Merges(database).fetch(phone.customer_id)
    assert view.undone_by == "grace"
    assert view.undone_at is not None
    assert await Merges(database).fetch(CustomerId(uuid.uuid4())) == []


async def test_message_that_arrives_during_an_undo_finds_its_customer(database: Database, pair: Pair) -> None:
    """What accept found before it waited for the customer's lock is looked for again."""
    phone = await pair.say(whatsapp_message(PHONE))
    mail = await pair.say(mail_message("grace@example.com"))
    for number in range(6):
        merge = await merge_customers(database, phone.customer_id, mail.customer_id, "test")
        messages = [whatsapp_message(PHONE, f"{number}"), mail_from("grace@example.com"), mail_from(MAIL)]
        await asyncio.gather(undo_merge(database, merge, "grace"), *(pair.say(message) for message in messages))
    await pair.check()


async def test_conversation_goes_on_across_channels_and_each_reply_goes_where_it_was_asked(
    database: Database, pair: Pair
) -> None:
    phone = await pair.say(whatsapp_message(PHONE, "my board is slow"))
    await pair.answer(phone.customer_id)
    mail = await pair.say(mail_message("grace@example.com", "still slow, as I wrote by phone"))
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "a link")
    turns, claim, context = await begin(database, mail.customer_id)
    assert context.identity.value == "grace@example.com"
    assert context.history[0].body == "my board is slow"
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    await undo_merge(database, merge, "linus")
    await pair.say(mail_from("grace@example.com"))
    _, _, context = await begin(database, mail.customer_id)
    assert "my board is slow" not in [message.body for message in context.history]
