"""Answers of the form through Gmail: the request to confirm, copies in one thread, customers who reply to them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from agent.records import Accepted, Channel, IdentifierKind, Identity
from agent.service.hours import utc_now
from agent.workers.delivery import DeliveryLoop
from channels.stored import StoredSender
from channels.web_form.confirmation_mail import ConfirmationMails, ConfirmingSender
from channels.web_form.tokens import ConfirmationTokens
from crm.confirmations import Answer, Confirmations
from crm.database import Database
from crm.inbox import Inbox
from crm.outbox import Outbox
from tests.fakes.gmail_server import FakeGmail
from tests.integration.mail_spine import ADDRESS, MailSystem, a_mail, mail_system
from tests.integration.spine import form_message

CUSTOMER = "ada@customer.example"
TOKENS = ConfirmationTokens(SecretStr("a token secret of the tests"))
MAILS = ConfirmationMails(TOKENS, "https://support.example.com", 7 * 24 * 3600)


class FormAndMail:
    """The form and a mailbox under one courier."""

    def __init__(self, system: MailSystem) -> None:
        self.system = system
        self.answers = Confirmations(system.database)

    async def ask(self, body: str = "How do I do it?", address: str = CUSTOMER) -> Accepted:
        identity = Identity(IdentifierKind.EMAIL, address, verified=False, display_name="BUY NOW")
        message = dataclasses.replace(form_message(body, "thread"), identity=identity, subject="CHEAP PILLS")
        return await Inbox(self.system.database).accept(message)

    async def answer_and_deliver(self) -> None:
        await self.system.answer()
        senders = {channel: StoredSender(channel.value) for channel in Channel}
        mail = ConfirmingSender(self.system.sender, MAILS)

        async def listen(*_: object) -> None:
            return None

        loop = DeliveryLoop(
            Outbox(self.system.database),
            {**senders, Channel.EMAIL: mail},
            listen,  # type: ignore[arg-type]
            lambda: None,
            self.system.database.times,
        )
        for _ in range(4):
            await loop._round()

    async def confirm(self) -> Answer:
        """As the page does with what the first mail says."""
        (link,) = [line for line in self.sent()[0].text().splitlines() if line.startswith("https://")]
        (token,) = parse_qs(urlsplit(link).fragment)["token"]
        return await self.answers.confirm(TOKENS.read(token, utc_now() + timedelta(days=6)))

    def sent(self) -> list[Letter]:
        return [Letter(each) for each in self.system.gmail.sent()]


class Letter:
    """A mail as the customer gets it."""

    def __init__(self, mail) -> None:  # type: ignore[no-untyped-def]
        self.thread_id = mail.thread_id
        self._parsed = message_from_bytes(mail.raw, policy=policy.default)

    def __getitem__(self, header: str) -> str:
        return str(self._parsed[header])

    def text(self) -> str:
        part = self._parsed.get_body(("plain",))  # type: ignore[attr-defined]
        return str(part.get_content())


@pytest.fixture
async def form(mail_database: Database, gmail: FakeGmail, tmp_path: Path) -> AsyncIterator[FormAndMail]:
    async with mail_system(mail_database, gmail, tmp_path) as system:
        form = FormAndMail(system)
        await form.answers.switch_mail(on=True)
        yield form


async def test_first_mail_is_fixed_text_with_the_ticket_and_a_link(form: FormAndMail) -> None:
    accepted = await form.ask()
    await form.answer_and_deliver()
    (mail,) = form.sent()
    whole = mail["Subject"] + mail["To"] + mail["From"] + mail.text()
    assert accepted.ticket_id in mail["Subject"]
    assert "BUY NOW" not in whole
    assert "CHEAP PILLS" not in whole
    assert "How do I do it?" not in whole
    assert mail["To"] == CUSTOMER
    assert mail["Auto-Submitted"] == "auto-generated"
    assert await form.confirm() is Answer.CONFIRMED
    await form.system.check()


async def test_answers_go_on_in_the_first_mail_s_thread(form: FormAndMail) -> None:
    await form.ask()
    await form.answer_and_deliver()
    await form.confirm()
    for _ in range(2):
        await form.ask("And then?")
        await form.answer_and_deliver()
    first, second, third = form.sent()
    assert second["In-Reply-To"] == first["Message-ID"]
    assert third["References"].split() == [first["Message-ID"], second["Message-ID"]]
    assert second["Subject"] == f"Re: {first['Subject']}"
    assert first.thread_id == second.thread_id == third.thread_id
    await form.system.check()


async def test_reply_by_mail_joins_the_request_and_is_answered_on_both_ways(form: FormAndMail) -> None:
    accepted = await form.ask()
    await form.answer_and_deliver()
    await form.confirm()
    await form.ask("And then?")
    await form.answer_and_deliver()
    copy = form.sent()[-1]
    form.system.gmail.deliver(
        a_mail(
            "Thanks, one more.", sender=f"Ada <{CUSTOMER}>", in_reply_to=copy["Message-ID"], message_id="<r1@x.example>"
        )
    )
    await form.system.sync_once()
    (row,) = await form.system.rows("SELECT conversation_id, channel FROM messages WHERE body LIKE 'Thanks%'")
    assert row == {"conversation_id": accepted.conversation_id, "channel": "email"}
    await form.answer_and_deliver()
    answer = form.sent()[-1]
    assert answer["In-Reply-To"] == "<r1@x.example>"
    assert answer["To"].endswith(f"<{CUSTOMER}>")
    assert await form.system.value("SELECT count(*) FROM conversations") == 1
    await form.system.check()


async def test_reply_to_the_request_to_confirm_enters_no_stranger_s_conversation(form: FormAndMail) -> None:
    accepted = await form.ask()
    await form.answer_and_deliver()
    (request,) = form.sent()
    form.system.gmail.deliver(a_mail("I wrote nothing!", sender=f"Ada <{CUSTOMER}>", in_reply_to=request["Message-ID"]))
    await form.system.sync_once()
    (row,) = await form.system.rows("SELECT conversation_id, customer_id FROM messages WHERE body = 'I wrote nothing!'")
    assert row["conversation_id"] != accepted.conversation_id
    assert row["customer_id"] != accepted.customer_id


@pytest.mark.parametrize("authentic", [True, False])
async def test_forged_reply_does_not_join(form: FormAndMail, authentic: bool) -> None:
    """A stranger's authentic mail, and an unauthentic one in the customer's name."""
    accepted = await form.ask()
    await form.answer_and_deliver()
    await form.confirm()
    sender = "Mallory <mallory@elsewhere.example>" if authentic else f"Ada <{CUSTOMER}>"
    form.system.gmail.deliver(
        a_mail("Let me in", sender=sender, in_reply_to=form.sent()[0]["Message-ID"], authentic=authentic)
    )
    await form.system.sync_once()
    joined = await form.system.value("SELECT conversation_id FROM messages WHERE body = 'Let me in'")
    assert joined != accepted.conversation_id


async def test_absence_note_to_a_copy_does_not_end_the_request(form: FormAndMail) -> None:
    accepted = await form.ask()
    await form.answer_and_deliver()
    await form.confirm()
    form.system.gmail.deliver(
        a_mail(
            "I am away.",
            sender=f"Ada <{CUSTOMER}>",
            in_reply_to=form.sent()[0]["Message-ID"],
            Auto_Submitted="auto-replied",
        )
    )
    await form.system.sync_once()
    state = "SELECT state FROM conversations WHERE conversation_id = $1"
    assert await form.system.value(state, accepted.conversation_id) == "open"
    assert await form.system.answer() == 0
    await form.system.check()


async def test_mistyped_address_that_bounces_is_nobody_s_work(form: FormAndMail) -> None:
    await form.ask()
    await form.answer_and_deliver()
    (request,) = form.sent()
    error = await form.system.mails.record_bounce("bounce", request["Message-ID"], "no such mailbox")
    assert error is not None
    assert await form.system.value("SELECT count(*) FROM escalations") == 0
    assert await form.system.value("SELECT state FROM outbox WHERE kind = 'confirmation'") == "failed"
    await form.system.check()


async def test_answer_that_bounces_goes_to_a_person(form: FormAndMail) -> None:
    await form.ask()
    await form.answer_and_deliver()
    await form.confirm()
    await form.ask("And then?")
    await form.answer_and_deliver()
    await form.system.mails.record_bounce("bounce", form.sent()[-1]["Message-ID"], "mailbox full")
    assert await form.system.value("SELECT state FROM conversations") == "escalated"
    await form.system.check()


async def test_person_who_answers_from_the_mailbox_has_the_request_and_nothing_is_sent_twice(form: FormAndMail) -> None:
    await form.ask()
    await form.answer_and_deliver()
    await form.confirm()
    before = len(form.sent())
    form.system.gmail.deliver(
        a_mail(
            "Let me look into it.",
            sender=f"Grace <{ADDRESS}>",
            to=CUSTOMER,
            in_reply_to=form.sent()[0]["Message-ID"],
        ),
        labels=("SENT",),
    )
    await form.system.sync_once()
    assert await form.system.value("SELECT state FROM conversations") == "escalated"
    await form.answer_and_deliver()
    assert len(form.sent()) == before + 1, "the person's own"
    await form.system.check()
