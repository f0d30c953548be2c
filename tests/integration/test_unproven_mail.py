"""A mail that nobody vouches for: fixed text goes to the address that it names, and the answer waits for its owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from agent.records import Channel, ConfirmationId, ConversationId, TurnContext, TurnDecision
from agent.service.hours import utc_now
from agent.workers.delivery import DeliveryLoop
from channels.web_form.confirmation_mail import ConfirmationMails, ConfirmingSender
from channels.web_form.tokens import ConfirmationTokens
from crm.confirmations import Answer, Confirmations
from crm.database import Database
from crm.desk import Desk
from crm.merge import Merges
from crm.outbox import Outbox
from crm.quarantine import Quarantine
from tests.fakes.gmail_server import FakeGmail
from tests.integration.mail_spine import ADDRESS, MailSystem, a_mail, mail_system
from tests.integration.spine import escalate, reply_to

TOKENS = ConfirmationTokens(SecretStr("a token secret of the tests"))
MAILS = ConfirmationMails(TOKENS, "https://support.example.com", 7 * 24 * 3600)
SECRET = "BUY CHEAP PILLS at evil.example"


class Mailroom:
    """The mail channel with the courier that words requests to confirm."""

    def __init__(self, system: MailSystem) -> None:
        self.system = system
        self.answers = Confirmations(system.database)
        self.failing = False

    async def get(self, text: str = SECRET, **mail: object) -> None:
        """A mail whose sender Gmail does not vouch for, unless `authentic` says otherwise."""
        options = {"authentic": False, "subject": SECRET} | mail
        self.system.gmail.deliver(a_mail(text, **options))  # type: ignore[arg-type]
        await self.system.sync_once()

    async def answer(self, decide=reply_to) -> None:  # type: ignore[no-untyped-def]
        await self.system.answer(decide)
        await self.deliver()

    async def deliver(self) -> None:
        async def listen(*_: object) -> None:
            return None

        senders = {Channel.EMAIL: ConfirmingSender(self.system.sender, MAILS)}
        outbox, times = Outbox(self.system.database), self.system.database.times
        loop = DeliveryLoop(outbox, senders, listen, lambda: None, times)  # type: ignore[arg-type]
        for _ in range(4):
            await loop._round()

    def sent(self) -> list[Letter]:
        return [Letter(each.raw) for each in self.system.gmail.sent()]

    def asked(self) -> ConfirmationId:
        """What the link of the latest mail that has one is about."""
        links = [line for mail in self.sent() for line in mail.text().splitlines() if line.startswith("https://")]
        (token,) = parse_qs(urlsplit(links[-1]).fragment)["token"]
        return TOKENS.read(token, utc_now() + timedelta(days=6))

    async def states(self) -> list[tuple[str, str]]:
        rows = await self.system.rows("SELECT kind, state FROM outbox ORDER BY position")
        return [(row["kind"], row["state"]) for row in rows]

    async def conversation(self) -> ConversationId:
        return ConversationId(await self.system.value("SELECT conversation_id FROM conversations LIMIT 1"))


class Letter:
    """A mail as its recipient gets it."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._parsed = message_from_bytes(raw, policy=policy.default)

    def __getitem__(self, header: str) -> str:
        return str(self._parsed[header] or "")

    def text(self) -> str:
        part = self._parsed.get_body(("plain",))
        assert part is not None
        return str(part.get_content())


@pytest.fixture
async def room(mail_database: Database, gmail: FakeGmail, tmp_path: Path) -> AsyncIterator[Mailroom]:
    async with mail_system(mail_database, gmail, tmp_path) as system:
        yield Mailroom(system)


async def test_who_is_not_vouched_for_gets_fixed_text_and_no_word_of_the_mail_or_the_answer(room: Mailroom) -> None:
    await room.get(sender=f'"{SECRET}" <ada@customer.example>', message_id="<pills@evil.example>")
    await room.answer()
    [letter] = room.sent()
    ticket = await room.system.value("SELECT ticket_id FROM tickets")
    assert letter["To"] == "ada@customer.example"
    assert letter["Subject"] == f"Your request {ticket}: please confirm your address"
    assert "PILLS" not in letter.raw.decode() + letter.text()
    assert "evil.example" not in letter.raw.decode()
    assert await room.states() == [("message", "held"), ("confirmation", "sent")]
    await room.system.check()


async def test_the_held_answer_leaves_in_the_customers_thread_when_the_link_is_opened(room: Mailroom) -> None:
    await room.get("How do I create a board?", subject="Boards", message_id="<first@customer.example>")
    await room.answer()
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.deliver()
    letter, reply = room.sent()
    assert reply["Subject"] == "Re: Boards"
    assert reply["In-Reply-To"] == "<first@customer.example>"
    assert letter["Message-ID"] not in reply["References"]
    assert await room.answers.confirm(room.asked()) is Answer.REPEATED
    await room.deliver()
    assert len(room.sent()) == 2
    await room.get("And a second one?", authentic=True, in_reply_to=reply["Message-ID"])
    await room.answer()
    assert room.sent()[-1]["In-Reply-To"] not in ("", "<first@customer.example>")
    assert await room.system.value("SELECT count(*) FROM conversations") == 1
    await room.system.check()


async def test_a_proven_reply_to_what_we_sent_confirms_the_address_too(room: Mailroom) -> None:
    await room.get("How do I create a board?", subject="Boards")
    await room.answer()
    [letter] = room.sent()
    await room.get("Yes, that was me.", authentic=True, subject="Re: confirm", in_reply_to=letter["Message-ID"])
    await room.answer()
    assert await room.system.value("SELECT count(*) FROM conversations") == 1
    assert await room.system.value("SELECT state FROM confirmations") == "confirmed"
    assert [state for _, state in await room.states()] == ["sent"] * 3
    await room.system.check()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({"authentic": False}, id="that nobody vouches for"),
        pytest.param({"authentic": True, "sender": "mallory@evil.example"}, id="of somebody else"),
        pytest.param({"authentic": True, "Auto_Submitted": "auto-replied"}, id="of a machine"),
    ],
)
async def test_a_reply_that_proves_nothing_confirms_nothing(room: Mailroom, reply: dict[str, object]) -> None:
    await room.get("How do I create a board?")
    await room.answer()
    [letter] = room.sent()
    await room.get("Yes.", in_reply_to=letter["Message-ID"], **reply)
    await room.deliver()
    assert await room.system.value("SELECT state FROM confirmations") == "asked"
    assert await room.states() == [("message", "held"), ("confirmation", "sent")]


async def test_a_proven_mail_that_only_names_the_claimants_own_confirms_nothing(room: Mailroom) -> None:
    """Whoever wrote the forged mail knows its id; only ours went to the address alone."""
    await room.get("first", message_id="<known@evil.example>")
    await room.answer()
    await room.get("second", authentic=True, in_reply_to="<known@evil.example>")
    assert await room.system.value("SELECT state FROM confirmations") == "asked"


async def test_what_was_held_is_never_sent_when_the_owner_says_that_somebody_else_wrote(room: Mailroom) -> None:
    await room.get()
    await room.answer()
    assert await room.answers.decline(room.asked()) is Answer.DECLINED
    await room.deliver()
    assert await room.states() == [("message", "cancelled"), ("confirmation", "sent")]
    await room.system.check()
    # And who writes in that name once more bothers its owner with nothing: a person looks.
    await room.get("once more")
    await room.answer()
    assert len(room.sent()) == 1
    [row] = await room.system.rows("SELECT reason_code, summary FROM escalations")
    assert row["reason_code"] == "unproven_sender"
    assert "somebody else wrote" in row["summary"]
    await room.system.check()


async def test_a_person_sees_the_mail_and_what_they_write_leaves(room: Mailroom) -> None:
    await room.get("I want my money back.")
    await room.answer(escalate)
    assert await room.states() == [("message", "held"), ("confirmation", "sent")]
    assert await room.system.value("SELECT count(*) FROM escalations WHERE status = 'open'") == 1
    await Desk(room.system.database).reply(await room.conversation(), "grace", "Which invoice is it?")
    await room.deliver()
    assert "Which invoice is it?" in room.sent()[-1].text()
    assert await room.states() == [("message", "cancelled"), ("confirmation", "sent"), ("message", "sent")]
    # The link is opened only now: what a person superseded stays unsent.
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.deliver()
    assert len(room.sent()) == 2
    await room.system.check()


async def test_nothing_of_another_customer_is_shown_before_the_address_is_proved(room: Mailroom) -> None:
    await room.get("my secret question", authentic=True)
    await room.answer()
    await room.get("what did I ask?")
    seen: list[int] = []

    def look(context: TurnContext) -> TurnDecision:
        seen.append(len(context.history))
        return reply_to(context)

    await room.answer(look)
    assert seen == [0]
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.get("and now?", authentic=True)
    await room.answer(look)
    assert seen[1] >= 3
    await room.system.check()


async def test_a_flood_in_one_name_writes_to_its_owner_three_times_and_waits_in_quarantine(room: Mailroom) -> None:
    for number in range(8):
        await room.get(f"flood {number}")
    await room.answer()
    assert len(room.sent()) == 3
    waiting = await Quarantine(room.system.database).fetch_waiting()
    assert len(waiting) == 5
    assert {reason for each in waiting for reason in each.reasons} == {"recipient_rate"}
    # Its owner is answered all the same.
    await room.get("a real question", authentic=True)
    await room.answer()
    assert [mail["Subject"] for mail in room.sent()[3:]] == [f"Re: {SECRET}"]
    assert await room.system.value("SELECT count(*) FROM outcomes WHERE reason = 'reply_cap'") == 0


async def test_a_flood_in_many_names_makes_the_mailbox_flood_nobody(
    mail_database: Database, gmail: FakeGmail, tmp_path: Path
) -> None:
    async with mail_system(mail_database, gmail, tmp_path, unproven_per_hour=4) as system:
        room = Mailroom(system)
        for number in range(7):
            gmail.deliver(a_mail("hello", sender=f"victim{number}@customer{number}.example", authentic=False))
        await system.sync_once()
        await room.answer()
        assert len(room.sent()) == 4
        waiting = await Quarantine(system.database).fetch_waiting()
        assert [list(each.reasons) for each in waiting] == [["sender_rate"]] * 3
        # A person releases one of them, which is answered as any other.
        await Quarantine(system.database).release(waiting[0].conversation_id, "grace")
        await room.answer()
        assert len(room.sent()) == 5


async def test_two_machines_without_authentication_stop_at_one_request(room: Mailroom) -> None:
    await room.get("Your message was received.")
    for _ in range(5):
        await room.answer()
        await room.get("Your message was received.", in_reply_to=room.sent()[-1]["Message-ID"])
    await room.answer()
    assert len(room.sent()) == 1
    await room.system.check()


async def test_a_request_that_comes_back_is_nobodys_work(room: Mailroom) -> None:
    """A forged address that does not exist."""
    await room.get()
    await room.answer()
    [letter] = room.sent()
    status = (
        "Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ada@customer.example\r\n"
        "Action: failed\r\nStatus: 5.1.1\r\n"
    )
    body = (
        f"--b\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"{status}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{letter.raw.decode()}\r\n--b--"
    )
    await room.get(
        body,
        sender="mailer-daemon@customer.example",
        authentic=True,
        subject="Undelivered",
        Content_Type="multipart/report; report-type=delivery-status; boundary=b",
    )
    assert await room.states() == [("message", "held"), ("confirmation", "failed")]
    assert await room.system.value("SELECT count(*) FROM escalations") == 0
    await room.system.check()


async def test_a_request_that_gmail_refuses_is_a_persons_work_since_nothing_else_says_that_somebody_wrote(
    room: Mailroom,
) -> None:
    await room.get()
    await room.system.answer()
    [item] = await Outbox(room.system.database).claim(10)
    await Outbox(room.system.database).record_failed(item, "refused")
    [row] = await room.system.rows("SELECT summary, status FROM escalations")
    assert row == {"summary": "The sender could not be asked to confirm the address: refused", "status": "open"}
    await room.system.check()


async def test_who_did_not_answer_the_request_for_days_is_a_persons_case_when_they_write_again(room: Mailroom) -> None:
    await room.get("first", message_id="<first@customer.example>")
    await room.answer()
    await room.system.rows("UPDATE confirmations SET created_at = created_at - interval '4 days' RETURNING key")
    await room.get("Still nothing?", in_reply_to="<first@customer.example>")
    await room.answer()
    assert await room.system.value("SELECT summary FROM escalations") is not None
    assert len(room.sent()) == 1
    await room.system.check()


async def test_the_link_and_a_takeover_at_once_send_nothing_of_the_ftes(room: Mailroom) -> None:
    """Whichever comes first: the held answer leaves before the takeover, or not at all."""
    await room.get()
    await room.answer()
    desk, conversation_id = Desk(room.system.database), await room.conversation()
    await asyncio.gather(room.answers.confirm(room.asked()), desk.take(conversation_id, "grace"))
    await room.deliver()
    assert await room.states() == [("message", "cancelled"), ("confirmation", "sent")]
    await room.system.check()


async def test_what_a_person_writes_from_the_mailbox_itself_supersedes_what_is_held(room: Mailroom) -> None:
    await room.get("hello", message_id="<first@customer.example>")
    await room.answer()
    room.system.gmail.deliver(
        a_mail(
            "I looked at it myself.",
            sender=ADDRESS,
            to="ada@customer.example",
            in_reply_to="<first@customer.example>",
        ),
        ("SENT",),
    )
    await room.system.sync_once()
    assert ("message", "cancelled") in await room.states()
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.deliver()
    assert "held" not in {state for _, state in await room.states()}
    await room.system.check()


async def test_an_undone_merge_takes_the_proof_back_and_what_follows_is_held_again(room: Mailroom) -> None:
    await room.get("a proven one", authentic=True)
    await room.answer()
    await room.get("hello", message_id="<claimed@customer.example>")
    await room.answer()
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.deliver()
    sent = len(room.sent())
    merge = await room.system.value("SELECT merge_id FROM customer_merges")
    await Merges(room.system.database).undo(merge, "grace")
    await room.get("and now?", in_reply_to="<claimed@customer.example>")
    await room.answer()
    assert len(room.sent()) == sent
    assert (await room.states())[-1] == ("message", "held")
    assert "took that back" in await room.system.value("SELECT summary FROM escalations")
    await room.system.check()


async def test_mails_that_arrive_while_their_link_is_opened_are_all_answered(room: Mailroom) -> None:
    """Turns that commit before, at and after the proof: none stays held, none is sent twice."""
    await room.get("first", message_id="<first@customer.example>")
    await room.answer()
    for number in range(4):
        room.system.gmail.deliver(a_mail(f"more {number}", authentic=False, in_reply_to="<first@customer.example>"))
    await room.system.sync_once()
    await asyncio.gather(room.answers.confirm(room.asked()), room.system.answer(), return_exceptions=True)
    await room.system.rows("UPDATE work SET lease_until = now() WHERE lease_until IS NOT NULL RETURNING customer_id")
    await room.answer()
    states = {state for kind, state in await room.states() if kind == "message"}
    assert states == {"sent"}
    await room.system.check()


# A domain that publishes nothing by which its mail could be known, and where its mail comes from.
NETWORK, ELSEWHERE = "203.0.113.7", "198.51.100.9"


def by_path(address: str = NETWORK, spf: str = "none") -> dict[str, str]:
    return {
        "Authentication_Results": f"mx.google.com; spf={spf} smtp.mailfrom=ada@customer.example",
        "Received": f"from mail.customer.example (mail.customer.example. [{address}]) by mx.google.com with ESMTP",
    }


async def confirmed_once(room: Mailroom) -> None:
    """The owner of the address has said that a mail of the path was theirs."""
    await room.get("How do I create a board?", subject="Boards", **by_path())
    await room.answer()
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.deliver()
    assert len(room.sent()) == 2


async def test_who_confirmed_once_is_answered_at_once_in_the_next_thread_and_still_sees_no_history(
    room: Mailroom,
) -> None:
    await confirmed_once(room)
    seen: list[tuple[int, bool]] = []

    def look(context: TurnContext) -> TurnDecision:
        seen.append((len(context.history), context.identity.verified))
        return reply_to(context)

    await room.get("And how do I export it?", subject="Export", message_id="<second@customer.example>", **by_path())
    await room.answer(look)
    assert seen == [(0, False)]
    reply = room.sent()[-1]
    assert len(room.sent()) == 3
    assert (reply["To"], reply["Subject"]) == ("Ada Example <ada@customer.example>", "Re: Export")
    assert "please tell us" in reply.text()
    await room.system.check()
    # It goes on in that thread, and only in that.
    await room.get("Thanks!", subject="Re: Export", in_reply_to=reply["Message-ID"], **by_path())
    await room.answer(look)
    assert seen[1][1] is False
    assert await room.system.value("SELECT count(*) FROM conversations") == 2
    assert len(room.sent()) == 4
    await room.system.check()


async def test_the_link_under_a_remembered_answer_makes_the_thread_the_customers_own(room: Mailroom) -> None:
    await confirmed_once(room)
    await room.get("And how do I export it?", subject="Export", **by_path())
    await room.answer()
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    owners = await room.system.rows("SELECT DISTINCT customer_id FROM conversations")
    assert len(owners) == 1
    await room.system.check()


async def test_who_says_under_a_remembered_answer_that_they_did_not_ask_is_not_written_to_again(room: Mailroom) -> None:
    await confirmed_once(room)
    await room.get(SECRET, **by_path())
    await room.answer()
    assert await room.answers.decline(room.asked()) is Answer.DECLINED
    await room.get("once more", **by_path())
    await room.answer()
    assert len(room.sent()) == 3
    assert await room.system.value("SELECT reason_code FROM escalations") == "unproven_sender"
    await room.system.check()


@pytest.mark.parametrize(
    "mail",
    [
        pytest.param(by_path(ELSEWHERE), id="by another network"),
        pytest.param(by_path(spf="softfail"), id="of a domain that now says who may send"),
        pytest.param(by_path() | {"Received": ""}, id="by a way that is not known"),
        pytest.param(by_path() | {"sender": "bob@customer.example"}, id="in another name"),
    ],
)
async def test_other_mail_that_nobody_vouches_for_is_asked_to_confirm_as_before(
    room: Mailroom, mail: dict[str, str]
) -> None:
    await confirmed_once(room)
    await room.get(SECRET, **mail)
    await room.answer()
    assert room.sent()[-1]["Subject"].endswith("please confirm your address")
    assert (await room.states())[-2:] == [("message", "held"), ("confirmation", "sent")]
    await room.system.check()


async def test_a_path_is_remembered_for_thirty_days(room: Mailroom) -> None:
    await confirmed_once(room)
    for days, answered in ((29, True), (2, False)):
        await room.system.rows(
            "UPDATE confirmations SET created_at = created_at - $1::interval, ended_at = ended_at - $1::interval "
            "RETURNING key",
            timedelta(days=days),
        )
        await room.get("And how do I export it?", **by_path())
        await room.system.answer()
        rows = await room.system.rows("SELECT state FROM outbox WHERE kind = 'message' ORDER BY position DESC LIMIT 1")
        assert (rows[0]["state"] == "pending") is answered


async def test_a_mail_by_another_path_in_a_remembered_thread_is_held(room: Mailroom) -> None:
    """Somebody who has seen a mail of ours knows its id, and nothing else of the customer's."""
    await confirmed_once(room)
    await room.get("And how do I export it?", subject="Export", **by_path())
    await room.answer()
    await room.get(SECRET, in_reply_to=room.sent()[-1]["Message-ID"], **by_path(ELSEWHERE))
    await room.answer()
    assert (await room.states())[-2:] == [("message", "held"), ("confirmation", "sent")]
    assert room.sent()[-1]["Subject"].endswith("please confirm your address")
    await room.system.check()


async def test_a_form_that_was_confirmed_says_nothing_about_a_path_of_mail(room: Mailroom) -> None:
    await room.get("How do I create a board?", **by_path())
    await room.answer()
    await room.system.rows("UPDATE confirmations SET sender_path = '' RETURNING key")
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.get("And how do I export it?", **by_path())
    await room.answer()
    assert room.sent()[-1]["Subject"].endswith("please confirm your address")


async def test_a_merge_that_a_person_took_back_ends_what_its_confirmation_said_of_a_path(room: Mailroom) -> None:
    await room.get("a question", authentic=True)
    await room.answer()
    await confirmed_once_more(room)
    [merge] = await Merges(room.system.database).fetch()
    await Merges(room.system.database).undo(merge.merge_id, "grace")
    await room.get("And how do I export it?", **by_path())
    await room.answer()
    assert (await room.states())[-1] != ("message", "sent")
    await room.system.check()


async def confirmed_once_more(room: Mailroom) -> None:
    await room.get("How do I create a board?", subject="Boards", **by_path())
    await room.answer()
    assert await room.answers.confirm(room.asked()) is Answer.CONFIRMED
    await room.deliver()
