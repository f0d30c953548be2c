"""A form's address is proved by a link and by nothing else; then answers also come by mail, in their own thread."""

from __future__ import annotations

import asyncio
import dataclasses
import uuid

import pytest

from agent.errors import Conflict
from agent.records import (
    Accepted,
    Channel,
    ConfirmationId,
    CustomerId,
    IdentifierKind,
    Identity,
    InboundMessage,
    OutboxItem,
    OutboxKind,
    OutboxState,
    Screening,
    Suspicion,
)
from crm.audit import SentMessage, audit
from crm.confirmations import Answer, Confirmations
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.merge import Merges
from crm.outbox import Outbox
from crm.quarantine import Quarantine
from crm.work import WorkQueue
from tests.integration.machine.workers import decide
from tests.integration.spine import escalate, form_message, mail_message, reply_to
from tests.integration.test_turns import begin, expire_leases, fetch_value

ADA = "ada@example.com"


class Town:
    """A system whose form also writes by mail, everything that was sent to it, and what left it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.answers = Confirmations(database)
        self.sent: list[SentMessage] = []
        self.delivered: list[OutboxItem] = []

    async def say(self, message: InboundMessage) -> Accepted:
        self.sent.append(SentMessage.of(message, acknowledged=True))
        return await Inbox(self.database).accept(message)

    async def ask(self, address: str = ADA, thread: str | None = None, body: str = "How do I do it?") -> Accepted:
        identity = Identity(IdentifierKind.EMAIL, address, verified=False, display_name="Ada <script>")
        message = dataclasses.replace(form_message(body, thread), identity=identity, subject="BUY NOW")
        return await self.say(message)

    async def reply(self, customer_id: CustomerId, decide=reply_to) -> None:  # type: ignore[no-untyped-def]
        await expire_leases(self.database)
        turns, claim, context = await begin(self.database, customer_id)
        await turns.commit(claim, context, decide(context), allow_rerun=False)

    async def deliver(self) -> list[OutboxItem]:
        """Everything that may leave, in the order in which it does."""
        outbox, left = Outbox(self.database), []
        while items := await outbox.claim(50):
            await outbox.record_sent([(item, f"p-{item.send_token}") for item in items])
            left += items
        self.delivered += left
        return left

    async def answered(self, address: str = ADA, thread: str | None = None) -> Accepted:
        accepted = await self.ask(address, thread)
        await self.reply(accepted.customer_id)
        await self.deliver()
        return accepted

    async def confirmation(self, accepted: Accepted) -> ConfirmationId:
        found = await fetch_value(
            self.database,
            "SELECT confirmation_id FROM confirmations WHERE conversation_id = $1",
            accepted.conversation_id,
        )
        return ConfirmationId(found)

    async def confirm(self, accepted: Accepted) -> Answer:
        return await self.answers.confirm(await self.confirmation(accepted))

    async def check(self) -> None:
        """Everything comes to its end, and the auditor finds nothing."""
        await expire_leases(self.database)
        while due := await WorkQueue(self.database).fetch_due(10):
            await self.reply(due[0], lambda context: decide(context, escalating=False))
        await self.deliver()
        report = await audit(self.database, self.sent, settled=True, complete=True)
        assert report.clean, str(report)


@pytest.fixture
async def town(database: Database) -> Town:
    town = Town(database)
    await town.answers.switch_mail(on=True)
    return town


def kinds(items: list[OutboxItem]) -> list[tuple[OutboxKind, Channel]]:
    return [(item.kind, item.channel) for item in items]


MESSAGE, COPY = (OutboxKind.MESSAGE, Channel.WEB_FORM), (OutboxKind.COPY, Channel.EMAIL)
REQUEST = (OutboxKind.CONFIRMATION, Channel.EMAIL)


async def test_first_mail_asks_to_confirm_and_echoes_nothing_that_was_typed(town: Town) -> None:
    accepted = await town.ask()
    await town.reply(accepted.customer_id)
    left = await town.deliver()
    assert sorted(kinds(left)) == sorted([MESSAGE, REQUEST])
    (request,) = [item for item in left if item.kind is OutboxKind.CONFIRMATION]
    assert request.identity == Identity(IdentifierKind.EMAIL, ADA, verified=False, display_name="")
    assert (request.subject, request.body, request.ticket_id) == ("", "", accepted.ticket_id)
    assert request.confirmation_id is not None
    assert request.asked_at is not None
    await town.check()


async def test_nobody_is_asked_twice_for_one_request(town: Town) -> None:
    accepted = await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    await town.deliver()
    await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    assert kinds(await town.deliver()) == [MESSAGE]
    await town.check()


async def test_nobody_is_asked_before_there_is_an_answer_or_while_it_waits_in_quarantine(town: Town) -> None:
    screening = Screening((Suspicion.HIDDEN_FIELD,), per_recipient=100, per_sender=100)
    accepted = await town.say(dataclasses.replace(form_message(), screening=screening))
    assert await town.deliver() == []
    await Quarantine(town.database).release(accepted.conversation_id, "grace")
    assert await town.deliver() == []
    await town.reply(accepted.customer_id)
    assert REQUEST in kinds(await town.deliver())


async def test_switched_off_no_mail_leaves(town: Town) -> None:
    await town.answers.switch_mail(on=False)
    accepted = await town.ask()
    await town.reply(accepted.customer_id)
    assert kinds(await town.deliver()) == [MESSAGE]


async def test_synthetic_request_sends_no_mail(town: Town) -> None:
    accepted = await town.say(dataclasses.replace(form_message(), synthetic=True))
    await town.reply(accepted.customer_id)
    assert kinds(await town.deliver()) == [MESSAGE]


async def test_confirmed_address_gets_the_later_answers_too(town: Town) -> None:
    accepted = await town.answered(thread="thread")
    assert await town.confirm(accepted) is Answer.CONFIRMED
    await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    left = await town.deliver()
    assert kinds(left) == [MESSAGE, COPY]
    page, mail = left
    assert (mail.body, mail.subject, mail.identity.value) == (page.body, "BUY NOW", ADA)
    assert mail.identity.verified
    assert mail.ticket_id == accepted.ticket_id
    assert mail.send_token != page.send_token
    await town.check()


async def test_person_s_answer_comes_by_mail_too(town: Town) -> None:
    accepted = await town.answered()
    await town.confirm(accepted)
    await Desk(town.database).reply(accepted.conversation_id, "grace", "I see to it.")
    left = await town.deliver()
    assert kinds(left) == [MESSAGE, COPY]
    assert left[1].body == "I see to it."
    await town.check()


async def test_copy_of_a_reply_that_a_takeover_cancelled_does_not_leave(town: Town) -> None:
    accepted = await town.answered(thread="thread")
    await town.confirm(accepted)
    await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    await Desk(town.database).take(accepted.conversation_id, "grace")
    assert await town.deliver() == []
    await town.check()


async def test_takeover_does_not_keep_an_address_from_being_asked(town: Town) -> None:
    accepted = await town.ask()
    await town.reply(accepted.customer_id, escalate)
    await Desk(town.database).take(accepted.conversation_id, "grace")
    assert REQUEST in kinds(await town.deliver())
    await town.check()


async def test_copy_waits_for_its_message_and_the_courier_for_neither_in_vain(town: Town) -> None:
    accepted = await town.answered(thread="thread")
    await town.confirm(accepted)
    await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    outbox = Outbox(town.database)
    (page,) = await outbox.claim(10)
    assert page.kind is OutboxKind.MESSAGE
    assert await outbox.claim(10) == []
    wait = await outbox.seconds_until_due()
    assert wait is not None
    assert wait > 1
    await outbox.record_sent([(page, "p")])
    (mail,) = await outbox.claim(10)
    assert mail.kind is OutboxKind.COPY
    await outbox.record_sent([(mail, "m")])
    await town.check()


async def test_mail_that_cannot_be_delivered_goes_to_a_person_but_a_mistyped_address_does_not(town: Town) -> None:
    outbox = Outbox(town.database)
    accepted = await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    page, request = sorted(await outbox.claim(10), key=lambda item: item.kind is OutboxKind.CONFIRMATION)
    await outbox.record_sent([(page, "p")])
    await outbox.record_failed(request, "no such mailbox")
    assert await fetch_value(town.database, "SELECT count(*) FROM escalations") == 0
    await town.confirm(accepted)
    await town.ask(thread="thread")
    await town.reply(accepted.customer_id)
    (page,) = await outbox.claim(10)
    await outbox.record_sent([(page, "p2")])
    (mail,) = await outbox.claim(10)
    await outbox.record_failed(mail, "mailbox full")
    assert await fetch_value(town.database, "SELECT state FROM conversations") == "escalated"
    await town.check()


@pytest.mark.parametrize("address", [ADA, "ADA@Example.com"])
async def test_link_makes_the_form_s_customer_the_one_who_has_proved_the_address(town: Town, address: str) -> None:
    known = await town.say(mail_message(ADA))
    form = await town.answered(address, thread="thread")
    assert known.customer_id != form.customer_id
    assert await town.confirm(form) is Answer.CONFIRMED
    follow_up = await town.ask(address, thread="thread")
    assert follow_up.customer_id == known.customer_id
    await expire_leases(town.database)
    await town.reply(known.customer_id)  # the mail, which came first
    _, _, context = await begin(town.database, known.customer_id)
    assert context.identity.verified
    assert context.identity.value == address, "the reply goes to what was written there"
    assert "hello" in [message.body for message in context.history]
    (merge,) = await Merges(town.database).fetch()
    assert (merge.source_id, merge.target_id) == (form.customer_id, known.customer_id)
    await town.check()


async def test_history_of_the_address_is_not_shown_before_it_is_confirmed(town: Town) -> None:
    known = await town.say(mail_message(ADA, "my secret"))
    await town.reply(known.customer_id)
    form = await town.ask(thread="thread")
    _, _, context = await begin(town.database, form.customer_id)
    assert "my secret" not in [message.body for message in context.history]


async def test_claim_in_a_merged_customer_s_past_is_not_shown_as_their_history(town: Town) -> None:
    """What a stranger wrote under a claimed address is nobody's history until the address is proved."""
    known = await town.say(mail_message(ADA, "hello"))
    await town.reply(known.customer_id)
    form = await town.answered(thread="thread")
    await town.confirm(form)
    (merge,) = await Merges(town.database).fetch()
    await Merges(town.database).undo(merge.merge_id, "grace")
    await town.say(mail_message(ADA, "again"))
    _, _, context = await begin(town.database, known.customer_id)
    assert [message.body for message in context.history if message.channel is Channel.WEB_FORM] == []


async def test_undone_merge_makes_the_claim_a_claim_again_and_its_link_dead(town: Town) -> None:
    known = await town.say(mail_message(ADA))
    form = await town.answered(thread="thread")
    await town.confirm(form)
    (merge,) = await Merges(town.database).fetch()
    await Merges(town.database).undo(merge.merge_id, "grace")
    follow_up = await town.ask(thread="thread")
    assert follow_up.customer_id == form.customer_id != known.customer_id
    _, _, context = await begin(town.database, form.customer_id)
    assert not context.identity.verified
    assert await town.confirm(form) is Answer.REVOKED
    await expire_leases(town.database)
    await town.reply(form.customer_id)
    assert kinds(await town.deliver()) == [MESSAGE], "nothing more goes to that address"
    await town.check()


async def test_a_stranger_who_claims_the_address_gains_nothing_by_the_owner_s_confirmation(town: Town) -> None:
    stranger = await town.answered()
    owner = await town.answered()
    assert await town.confirm(owner) is Answer.CONFIRMED
    assert stranger.customer_id != owner.customer_id
    verified = "SELECT i.verified_at IS NOT NULL FROM conversations c JOIN customer_identifiers i USING (identifier_id)"
    assert not await fetch_value(town.database, f"{verified} WHERE conversation_id = $1", stranger.conversation_id)


async def test_confirming_again_changes_nothing_and_twenty_at_once_confirm_once(town: Town) -> None:
    await town.say(mail_message(ADA))
    form = await town.answered()
    answers = await asyncio.gather(*(town.confirm(form) for _ in range(20)))
    assert sorted(answers) == sorted([Answer.CONFIRMED] + [Answer.REPEATED] * 19)
    assert len(await Merges(town.database).fetch()) == 1
    await town.check()


async def test_confirmation_meets_the_owner_s_first_mail(town: Town) -> None:
    """Whoever proves the address first, there is one customer in the end."""
    for number in range(8):
        address = f"person{number}@example.com"
        form = await town.answered(address)
        answer, mail = await asyncio.gather(town.confirm(form), town.say(mail_message(address)))
        assert answer is Answer.CONFIRMED
        owners = "SELECT count(DISTINCT customer_id) FROM customer_identifiers WHERE value = $1"
        assert await fetch_value(town.database, owners, address) == 1
        assert mail.duplicate is False
    await town.check()


async def test_owner_who_did_not_write_says_so_and_is_not_written_to_again(town: Town) -> None:
    form = await town.answered(thread="thread")
    asked = await town.confirmation(form)
    assert await town.answers.decline(asked) is Answer.DECLINED
    assert await town.answers.decline(asked) is Answer.REPEATED
    assert await town.answers.confirm(asked) is Answer.DECLINED
    await town.answered()
    assert sum(item.channel is Channel.EMAIL for item in town.delivered) == 1
    await town.check()


async def test_confirmed_address_cannot_be_declined_by_the_same_link(town: Town) -> None:
    form = await town.answered()
    await town.confirm(form)
    assert await town.answers.decline(await town.confirmation(form)) is Answer.CONFIRMED


async def test_unknown_link_is_unknown(town: Town) -> None:
    assert await town.answers.confirm(ConfirmationId(uuid.uuid4())) is Answer.UNKNOWN
    assert await town.answers.decline(ConfirmationId(uuid.uuid4())) is Answer.UNKNOWN


async def test_flood_of_requests_does_not_flood_the_mailbox_that_they_name(town: Town) -> None:
    """However many name it, in whatever spelling, and at once."""
    addresses = [f"victim+{n}@gmail.com" if n % 2 else "v.ictim@googlemail.com" for n in range(12)]
    accepted = [await town.ask(address) for address in addresses]
    await asyncio.gather(*(_reply_beside(town, each.customer_id) for each in accepted))
    await town.deliver()
    assert sum(item.channel is Channel.EMAIL for item in town.delivered) == 3
    assert sum(item.channel is Channel.WEB_FORM for item in town.delivered) == 12, "everybody is answered on the page"
    await town.check()


async def _reply_beside(town: Town, customer_id: CustomerId) -> None:
    turns, claim, context = await begin(town.database, customer_id)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)


async def test_mailbox_is_asked_ten_times_a_day_at_most(town: Town) -> None:
    for _ in range(14):
        await town.answered()
        async with town.database.connection() as connection:
            await connection.execute("UPDATE confirmations SET created_at = created_at - interval '61 minutes'")
    assert sum(item.channel is Channel.EMAIL for item in town.delivered) == 10
    async with town.database.connection() as connection:
        await connection.execute("UPDATE confirmations SET created_at = created_at - interval '1 day'")
    await town.answered()
    assert sum(item.channel is Channel.EMAIL for item in town.delivered) == 11


async def test_answer_by_mail_joins_the_form_s_conversation(town: Town) -> None:
    form = await town.answered(thread="thread")
    await town.confirm(form)
    reply = dataclasses.replace(mail_message("Ada@Example.com", "thanks, and one more"), thread_key="thread")
    joined = await town.say(reply)
    assert joined.conversation_id == form.conversation_id
    assert joined.ticket_id == form.ticket_id
    _, _, context = await begin(town.database, joined.customer_id)
    assert context.channel is Channel.WEB_FORM
    assert context.text == "thanks, and one more"
    await expire_leases(town.database)
    await town.reply(joined.customer_id)
    assert kinds(await town.deliver()) == [MESSAGE, COPY], "it is answered on the page and by mail"
    assert (await town.say(dataclasses.replace(reply))).duplicate
    town.sent.pop()
    await town.check()


@pytest.mark.parametrize("sender", ["mallory@example.com", "ada@example.org"])
async def test_mail_of_somebody_else_does_not_join_the_form_s_conversation(town: Town, sender: str) -> None:
    form = await town.answered(thread="thread")
    await town.confirm(form)
    forged = await town.say(dataclasses.replace(mail_message(sender), thread_key="thread"))
    assert forged.conversation_id != form.conversation_id
    assert forged.customer_id != form.customer_id


async def test_mail_joins_nothing_before_the_address_is_confirmed(town: Town) -> None:
    """Whoever answers the request to confirm with 'that was not me' must not enter the stranger's conversation."""
    form = await town.answered(thread="thread")
    reply = await town.say(dataclasses.replace(mail_message(ADA, "that was not me"), thread_key="thread"))
    assert reply.conversation_id != form.conversation_id
    assert reply.customer_id != form.customer_id


async def test_mail_long_after_the_end_begins_a_new_request_that_also_answers_by_mail(town: Town) -> None:
    form = await town.answered(thread="thread")
    await town.confirm(form)
    await Desk(town.database).resolve(form.conversation_id, "grace")
    async with town.database.connection() as connection:
        await connection.execute("UPDATE conversations SET resolved_at = resolved_at - interval '73 hours'")
    later = await town.say(dataclasses.replace(mail_message(ADA, "once more"), thread_key="thread"))
    assert later.ticket_id != form.ticket_id
    await town.reply(later.customer_id)
    assert kinds(await town.deliver()) == [MESSAGE, COPY]


async def test_letters_of_a_conversation_are_listed(town: Town) -> None:
    form = await town.answered(thread="thread")
    await town.confirm(form)
    await town.ask(thread="thread")
    await town.reply(form.customer_id)
    await town.deliver()
    copy, request = await town.answers.fetch_letters(form.conversation_id)
    assert (copy.kind, copy.state, copy.address) == (OutboxKind.COPY, OutboxState.SENT, ADA)
    assert (request.kind, request.confirmation) == (OutboxKind.CONFIRMATION, "confirmed")
    assert request.ticket_id == form.ticket_id


async def test_what_a_person_sent_by_other_means_is_not_copied(town: Town) -> None:
    form = await town.answered(thread="thread")
    await town.confirm(form)
    async with town.database.connection() as connection:
        await connection.execute(
            "WITH said AS (INSERT INTO messages (conversation_id, customer_id, channel, direction, author, body) "
            "VALUES ($1, $2, 'web_form', 'outbound', 'person', 'from my own mail program') RETURNING message_id) "
            "INSERT INTO outbox (conversation_id, message_id, author, owner_epoch, send_token, state, "
            "provider_message_id, finished_at) SELECT $1, message_id, 'person', 0, 'own', 'sent', 'x', now() FROM said",
            form.conversation_id,
            form.customer_id,
        )
    assert await town.deliver() == []


async def test_resolved_request_can_still_be_confirmed(town: Town) -> None:
    form = await town.answered()
    await Desk(town.database).resolve(form.conversation_id, "grace")
    assert await town.confirm(form) is Answer.CONFIRMED
    with pytest.raises(Conflict):
        await Desk(town.database).take(form.conversation_id, "grace")
    await town.check()
