"""What becomes of a mail: a message in its thread, one that is not answered, a bounce, a person's words."""

from __future__ import annotations

import pytest

from agent.mail_records import OutgoingMail
from agent.records import ConversationId
from channels.gmail.intake import MailLimits
from crm.desk import Desk
from crm.inbox import Inbox
from tests.fakes.gmail_server import CUT_AFTER
from tests.integration.mail_spine import ADDRESS, MailSystem, a_mail, bodies
from tests.integration.spine import form_message, reply_to


async def test_a_mail_becomes_a_message_of_who_proved_the_address(system: MailSystem) -> None:
    system.gmail.deliver(a_mail("How do I share a board?", subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?="))
    await system.sync_once()
    [row] = await system.rows(
        "SELECT m.body, t.subject, i.kind, i.value, i.verified_at IS NOT NULL AS verified, u.name, c.channel "
        "FROM messages m JOIN conversations c USING (conversation_id) JOIN tickets t USING (conversation_id) "
        "JOIN customer_identifiers i USING (identifier_id) JOIN customers u ON u.customer_id = c.customer_id"
    )
    assert row == {
        "body": "How do I share a board?",
        "subject": "Grüße",
        "kind": "email",
        "value": "ada@customer.example",
        "verified": True,
        "name": "Ada Example",
        "channel": "email",
    }
    await system.check(settled=False)


async def test_a_sender_whom_gmail_does_not_vouch_for_is_not_verified(system: MailSystem) -> None:
    system.gmail.deliver(a_mail(authentic=True))
    system.gmail.deliver(a_mail(authentic=False))
    await system.sync_once()
    rows = await system.rows("SELECT customer_id, verified_at IS NOT NULL AS verified FROM customer_identifiers")
    assert sorted(row["verified"] for row in rows) == [False, True]
    assert len({row["customer_id"] for row in rows}) == 2


async def test_the_raw_mail_and_its_files_are_kept(system: MailSystem) -> None:
    raw = a_mail(
        "--b\r\nContent-Type: text/plain\r\n\r\nsee the file\r\n--b\r\nContent-Type: image/png\r\n"
        'Content-Disposition: attachment; filename="../shot.png"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        "iVBORw0KGgo=\r\n--b--",
        Content_Type="multipart/mixed; boundary=b",
    )
    system.gmail.deliver(raw)
    await system.sync_once()
    await system.sync_once()
    assert await bodies(system) == ["see the file"]
    assert await system.value("SELECT raw FROM mails") == raw
    [file] = await system.rows("SELECT name, media_type, size_bytes FROM attachments")
    assert (file["media_type"], file["size_bytes"]) == ("image/png", 8)
    assert "/" not in file["name"]


@pytest.mark.parametrize("labels", [("SPAM",), ("TRASH",), ("DRAFT",), ("INBOX", "TRASH")])
async def test_spam_trash_and_drafts_are_left_alone(system: MailSystem, labels: tuple[str, ...]) -> None:
    system.gmail.deliver(a_mail(), labels)
    await system.sync_once()
    assert await bodies(system) == []


async def test_a_mail_that_a_person_takes_out_of_the_spam_is_handled(system: MailSystem) -> None:
    mail_id = system.gmail.deliver(a_mail("not spam at all"), ("SPAM",))
    await system.sync_once()
    system.gmail.mails[mail_id].labels.discard("SPAM")
    system.gmail.label(mail_id, "INBOX")
    await system.sync_once()
    assert await bodies(system) == ["not spam at all"]


# Threads.


async def answered(system: MailSystem, raw: bytes) -> str:
    """The Message-ID of the reply to a mail."""
    system.gmail.deliver(raw)
    await system.sync_once()
    await system.answer()
    await system.deliver()
    return system.gmail.sent()[-1].headers["message-id"].strip()


async def conversations(system: MailSystem) -> list[ConversationId]:
    rows = await system.rows("SELECT conversation_id FROM conversations ORDER BY created_at")
    return [row["conversation_id"] for row in rows]


async def test_a_reply_to_our_mail_goes_on_in_its_conversation(system: MailSystem) -> None:
    ours = await answered(system, a_mail("first", message_id="<m1@customer.example>"))
    system.gmail.deliver(a_mail("second", in_reply_to=ours, references=f"<m1@customer.example> {ours}"))
    await system.sync_once()
    assert len(await conversations(system)) == 1
    assert await bodies(system) == ["first", "second"]


async def test_a_mail_that_refers_to_an_older_one_only_is_found_too(system: MailSystem) -> None:
    ours = await answered(system, a_mail("first"))
    system.gmail.deliver(a_mail("second", in_reply_to="<lost@elsewhere.example>", references=f"{ours} <x@y.example>"))
    await system.sync_once()
    assert len(await conversations(system)) == 1


async def test_a_mail_that_lost_its_references_is_found_by_gmails_thread(system: MailSystem) -> None:
    await answered(system, a_mail("first"))
    [thread] = {mail.thread_id for mail in system.gmail.mails.values()}
    mail_id = system.gmail.deliver(a_mail("second"))
    system.gmail.mails[mail_id].thread_id = thread
    await system.sync_once()
    assert len(await conversations(system)) == 1


async def test_forged_references_do_not_join_another_customers_thread(system: MailSystem) -> None:
    """Gmail threads them together all the same; the identity of the sender decides."""
    ours = await answered(system, a_mail("my secret question"))
    system.gmail.deliver(
        a_mail("tell me more", sender="Mallory <mallory@evil.example>", in_reply_to=ours, references=ours)
    )
    assert len({mail.thread_id for mail in system.gmail.mails.values()}) == 1
    await system.sync_once()
    assert len(await conversations(system)) == 2
    rows = await system.rows("SELECT DISTINCT customer_id FROM conversations")
    assert len(rows) == 2
    contexts: list[tuple[str, int]] = []

    def note(context: object) -> object:
        contexts.append((context.identity.value, len(context.history)))  # type: ignore[attr-defined]
        return reply_to(context)  # type: ignore[arg-type]

    await system.answer(note)  # type: ignore[arg-type]
    assert contexts == [("mallory@evil.example", 0)]


async def test_a_forged_sender_does_not_join_the_thread_of_whom_it_names(system: MailSystem) -> None:
    ours = await answered(system, a_mail("mine"))
    system.gmail.deliver(a_mail("not hers", authentic=False, in_reply_to=ours, references=ours))
    await system.sync_once()
    assert len(await conversations(system)) == 2
    assert len(await system.rows("SELECT DISTINCT customer_id FROM conversations")) == 2


async def test_a_reply_to_a_rewritten_message_id_is_found(system: MailSystem) -> None:
    system.gmail.rewrite_message_ids = True
    theirs = await answered(system, a_mail("first"))
    assert "mail.gmail.com" in theirs
    system.gmail.deliver(a_mail("second", in_reply_to=theirs))
    await system.sync_once()
    assert len(await conversations(system)) == 1


# What is not answered.


async def outcomes(system: MailSystem) -> list[tuple[str, str]]:
    rows = await system.rows("SELECT kind, reason FROM outcomes ORDER BY created_at")
    return [(row["kind"], row["reason"]) for row in rows]


async def test_automatic_mail_is_stored_and_not_answered(system: MailSystem) -> None:
    system.gmail.deliver(a_mail("I am away", subject="Away", Auto_Submitted="auto-replied"))
    await system.sync_once()
    assert await system.answer() == 0
    assert await bodies(system) == ["I am away"]
    [(kind, reason)] = await outcomes(system)
    assert (kind, bool(reason)) == ("suppressed", True)
    [ticket] = await system.rows("SELECT status FROM tickets")
    assert ticket["status"] == "closed"
    assert await system.value("SELECT count(*) FROM outbox") == 0
    await system.check()


@pytest.mark.parametrize("sender", ["Jürgen <jürgen@exämple.example>", "Ada <ada@[192.0.2.7]>", "ada@localhost"])
async def test_a_person_whose_address_takes_no_answer_is_read_by_a_person(system: MailSystem, sender: str) -> None:
    system.gmail.deliver(a_mail("My board is gone.", sender=sender, subject="Help"))
    system.gmail.deliver(a_mail("I am away", sender=sender, Auto_Submitted="auto-replied"))
    for _ in range(2):
        await system.sync_once()
    assert await system.answer() == 0
    assert await bodies(system) == ["My board is gone."]
    [row] = await system.rows(
        "SELECT c.state, t.subject, e.status, e.summary FROM conversations c JOIN tickets t USING (conversation_id) "
        "JOIN escalations e USING (conversation_id)"
    )
    assert (row["state"], row["subject"], row["status"]) == ("escalated", "Help", "open")
    assert "No answer can be sent" in row["summary"]
    assert await outcomes(system) == [("suppressed", "no_sender")]
    assert await system.value("SELECT count(*) FROM outbox") == 0
    await system.check()


async def test_a_domain_in_another_alphabet_is_written_to_in_its_form_for_servers(system: MailSystem) -> None:
    system.gmail.deliver(a_mail(sender="Ada <ada@exämple.example>"))
    await system.sync_once()
    assert await system.value("SELECT value FROM customer_identifiers") == "ada@xn--exmple-cua.example"
    assert await system.answer() == 1


async def test_an_absence_note_reopens_nothing_and_keeps_no_turn_from_what_waits(system: MailSystem) -> None:
    ours = await answered(system, a_mail("first"))
    [conversation] = await conversations(system)
    system.gmail.deliver(a_mail("second", in_reply_to=ours))
    system.gmail.deliver(a_mail("I am away", in_reply_to=ours, Auto_Submitted="auto-replied"))
    await system.sync_once()
    assert await system.answer() == 1
    await system.deliver()
    await Desk(system.database).resolve(conversation, "grace")
    system.gmail.deliver(a_mail("I am still away", in_reply_to=ours, Auto_Submitted="auto-replied"))
    await system.sync_once()
    assert await system.answer() == 0
    [row] = await system.rows("SELECT state FROM conversations")
    assert row["state"] == "resolved"
    await system.check()


async def test_a_message_after_an_automatic_one_of_the_same_thread_is_answered(system: MailSystem) -> None:
    system.gmail.deliver(a_mail("receipt", message_id="<r@customer.example>", Auto_Submitted="auto-generated"))
    system.gmail.deliver(a_mail("a question", in_reply_to="<r@customer.example>"))
    await system.sync_once()
    assert await system.answer() == 1
    assert await outcomes(system) != []
    [ticket] = await system.rows("SELECT status FROM tickets")
    assert ticket["status"] != "closed"
    await system.deliver()
    await system.check()


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-replied", "Precedence: bulk", "List-Id: <news.example>"])
async def test_mail_that_machines_mark_is_not_answered(system: MailSystem, header: str) -> None:
    name, _, value = header.partition(": ")
    system.gmail.deliver(a_mail("hello", **{name.replace("-", "_"): value}))
    await system.sync_once()
    assert await system.answer() == 0


async def test_two_automatic_mailboxes_that_face_each_other_stop(system: MailSystem) -> None:
    """The other one marks nothing and answers whatever it gets, each time from an address of its own."""
    system.intake._limits = MailLimits(replies=5, unproven=60)
    system.gmail.deliver(a_mail("ticket 0 was opened", sender="desk+0@machine.example"))
    for n in range(1, 30):
        await system.sync_once()
        if await system.answer() == 0:
            break
        await system.deliver()
        ours = system.gmail.sent()[-1].headers["message-id"].strip()
        system.gmail.deliver(a_mail(f"ticket {n} was opened", sender=f"desk+{n}@machine.example", in_reply_to=ours))
    assert len(system.gmail.sent()) == 5
    [escalation] = await system.rows("SELECT reason_code, status FROM escalations")
    assert escalation == {"reason_code": "policy_restriction", "status": "open"}
    await system.check()


async def test_a_machine_that_begins_a_thread_each_time_stops_too(system: MailSystem) -> None:
    system.intake._limits = MailLimits(replies=3, unproven=60)
    for n in range(6):
        system.gmail.deliver(a_mail(f"thread {n}", sender="loop@machine.example"))
        await system.sync_once()
        await system.answer()
        await system.deliver()
    assert len(system.gmail.sent()) == 3
    await system.check()


async def test_our_own_mail_marked_as_such_is_nobodys_message(system: MailSystem) -> None:
    """Another installation of ours, or our reply that a list sends back."""
    ours = await answered(system, a_mail("first"))
    raw = next(mail.raw for mail in system.gmail.mails.values() if "SENT" in mail.labels)
    system.gmail.deliver(raw)
    system.gmail.deliver(raw.replace(b"support@example.com", b"support@elsewhere.example"))
    await system.sync_once()
    assert await system.answer() == 0
    assert len(await conversations(system)) == 1
    assert ours


def bounce_of(message_id: str, recipient: str = "ada@customer.example") -> bytes:
    report = (
        "--b\r\nContent-Type: text/plain\r\n\r\nAddress not found. Your message wasn't delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; googlemail.com\r\n\r\n"
        f"Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {message_id}\r\nTo: {recipient}\r\n"
        "Subject: Re\r\n\r\nx\r\n"
        "--b--"
    )
    return a_mail(
        report,
        sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        subject="Delivery Status Notification (Failure)",
        Content_Type='multipart/report; boundary="b"; report-type=delivery-status',
        X_Failed_Recipients=recipient,
        Auto_Submitted="auto-replied",
    )


async def test_a_bounce_ends_the_reply_that_bounced_and_a_person_sees_it(system: MailSystem) -> None:
    ours = await answered(system, a_mail("first"))
    system.gmail.deliver(bounce_of(ours))
    await system.sync_once()
    await system.sync_once()
    assert len(await conversations(system)) == 1, "never a ticket of its own"
    [row] = await system.rows("SELECT state, error FROM outbox")
    assert row == {"state": "failed", "error": "the mail came back: its address could not be reached"}
    [escalation] = await system.rows("SELECT reason_code, status, summary FROM escalations")
    assert (escalation["reason_code"], escalation["status"]) == ("tool_failure", "open")
    assert "ada@customer.example" in escalation["summary"]
    assert await system.value("SELECT fate FROM mails WHERE bounced_outbox_id IS NOT NULL") == "bounce"
    await system.check()


async def test_a_bounce_of_nothing_of_ours_changes_nothing(system: MailSystem) -> None:
    await answered(system, a_mail("first"))
    system.gmail.deliver(bounce_of("<guessed@example.com>"))
    await system.sync_once()
    assert await system.value("SELECT state FROM outbox") == "sent"
    assert await system.rows("SELECT FROM escalations") == []
    assert len(await conversations(system)) == 1


# People who work in the mailbox.


async def test_a_person_who_answers_in_gmail_takes_the_conversation_over(system: MailSystem) -> None:
    system.gmail.deliver(a_mail("first", message_id="<m1@customer.example>"))
    await system.sync_once()
    await system.answer()
    written = a_mail(
        "Grace here, I will look at it.",
        sender=f"Support <{ADDRESS}>",
        to="Ada <ada@customer.example>",
        subject="Re: Boards",
        in_reply_to="<m1@customer.example>",
    )
    system.gmail.deliver(written, ("SENT",))
    await system.sync_once()
    await system.deliver()
    assert len(system.gmail.sent()) == 1, "the reply that waited is not sent any more"
    [row] = await system.rows("SELECT state, owner FROM conversations")
    assert row == {"state": "escalated", "owner": ADDRESS}
    [said] = await system.rows("SELECT body, operator FROM messages WHERE author = 'person'")
    assert said == {"body": "Grace here, I will look at it.", "operator": ADDRESS}
    system.gmail.deliver(a_mail("thank you", in_reply_to="<m1@customer.example>"))
    await system.sync_once()
    await system.sync_once()
    assert len(await system.rows("SELECT FROM messages WHERE author = 'person'")) == 1
    await system.check(settled=False)


async def test_our_own_sent_mail_is_never_taken_for_a_persons(system: MailSystem) -> None:
    await answered(system, a_mail("first"))
    await system.sync_once()
    [row] = await system.rows("SELECT state, owner FROM conversations")
    assert row == {"state": "open", "owner": None}
    assert await system.rows("SELECT FROM messages WHERE author = 'person'") == []


async def test_our_mail_is_known_before_the_courier_has_heard_that_it_was_sent(system: MailSystem) -> None:
    """Rewritten Message-ID and all: the token was stored before the draft was made."""
    system.gmail.rewrite_message_ids = True
    system.gmail.deliver(a_mail("first"))
    await system.sync_once()
    await system.answer()
    system.gmail.fail("drafts.send", CUT_AFTER)
    await system.deliver()
    assert await system.value("SELECT state FROM outbox") == "unknown"
    await system.sync_once()
    [row] = await system.rows("SELECT state, owner FROM conversations")
    assert row == {"state": "open", "owner": None}


@pytest.mark.parametrize("kind", ["to nobody we know", "gmail's absence note"])
async def test_other_mail_from_the_mailbox_concerns_no_conversation(system: MailSystem, kind: str) -> None:
    system.gmail.deliver(a_mail("first", message_id="<m1@customer.example>"))
    to = "colleague@example.com" if kind == "to nobody we know" else "ada@customer.example"
    headers = {} if kind == "to nobody we know" else {"Auto_Submitted": "auto-replied"}
    raw = a_mail("fyi", sender=ADDRESS, to=to, in_reply_to="<m1@customer.example>", **headers)
    system.gmail.deliver(raw, ("SENT",))
    await system.sync_once()
    assert await system.value("SELECT state FROM conversations") == "open"
    assert await system.rows("SELECT FROM messages WHERE author = 'person'") == []


# The form's customers, who got their answer by mail.


async def form_answered_by_mail(system: MailSystem, *, confirmed: bool) -> str:
    """The Message-ID of the mail; the address is the one that was typed into the form."""
    await Inbox(system.database).accept(form_message())
    await system.answer()
    outbox_id = await system.value("SELECT outbox_id FROM outbox")
    sent = OutgoingMail(outbox_id, ADDRESS, "<answer@example.com>", (), None, "Boards")
    await system.mails.record_outgoing(sent)
    await system.mails.record_sent(outbox_id, f"{ADDRESS}/answer", "", sent.message_id)
    if confirmed:
        async with system.database.connection() as connection:
            await connection.execute("UPDATE customer_identifiers SET verified_at = now()")
    return sent.message_id


async def test_who_confirmed_the_forms_address_goes_on_by_mail_in_the_same_conversation(system: MailSystem) -> None:
    answer = await form_answered_by_mail(system, confirmed=True)
    system.gmail.deliver(a_mail("and now?", sender="Ada <ada@example.com>", in_reply_to=answer))
    await system.sync_once()
    rows = await system.rows("SELECT channel, body FROM messages WHERE direction = 'inbound' ORDER BY created_at")
    assert [row["channel"] for row in rows] == ["web_form", "email"]
    assert len(await conversations(system)) == 1
    await system.check(settled=False)


async def test_an_absence_note_ends_no_conversation_of_the_form(system: MailSystem) -> None:
    answer = await form_answered_by_mail(system, confirmed=True)
    raw = a_mail("away", sender="Ada <ada@example.com>", in_reply_to=answer, Auto_Submitted="auto-replied")
    system.gmail.deliver(raw)
    await system.sync_once()
    assert await system.answer() == 0
    assert await form_standing(system) == ("open", "in_progress")


async def test_a_message_over_the_cap_goes_to_people_within_the_forms_conversation(system: MailSystem) -> None:
    answer = await form_answered_by_mail(system, confirmed=True)
    system.intake._limits = MailLimits(replies=0, unproven=60)
    system.gmail.deliver(a_mail("again", sender="Ada <ada@example.com>", in_reply_to=answer))
    await system.sync_once()
    assert await system.answer() == 0
    assert len(await conversations(system)) == 1
    assert await form_standing(system) == ("escalated", "escalated")


async def form_standing(system: MailSystem) -> tuple[str, str]:
    [row] = await system.rows(
        "SELECT c.state, t.status FROM conversations c JOIN tickets t USING (conversation_id) "
        "WHERE c.channel = 'web_form'"
    )
    return row["state"], row["status"]


async def test_a_claimed_address_does_not_answer_into_the_form_of_whoever_claimed_it(system: MailSystem) -> None:
    """Its owner would write to a stranger, who holds the form's private link."""
    answer = await form_answered_by_mail(system, confirmed=False)
    system.gmail.deliver(a_mail("who is this?", sender="Ada <ada@example.com>", in_reply_to=answer))
    await system.sync_once()
    assert len(await system.rows("SELECT DISTINCT customer_id FROM conversations")) == 2
    rows = await system.rows("SELECT channel FROM messages WHERE direction = 'inbound' ORDER BY created_at")
    assert [row["channel"] for row in rows] == ["web_form", "email"]
