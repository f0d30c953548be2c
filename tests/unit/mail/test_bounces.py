"""A bounce says which message of ours did not reach whom; a delay is no bounce."""

from __future__ import annotations

import base64
import quopri

import pytest

from channels.mail.reading import read_mail
from tests.unit.mail.samples import mail, multipart, part

DAEMON = "Mail Delivery Subsystem <mailer-daemon@example.org>"
OURS = "<fte.4711@example.net>"
RETURNED = f"From: support@example.net\nTo: ada@example.com\nSubject: Re: Export\nMessage-ID: {OURS}\n\nDear Ada, …\n"


def dsn(
    fields: str, *, returned: str = "message/rfc822", subject: str = "Undelivered Mail Returned to Sender"
) -> bytes:
    raw = multipart(
        "report",
        [
            part("text/plain", "This is the mail system. I'm sorry, your message could not be delivered."),
            part("message/delivery-status", f"Reporting-MTA: dns; mx.example.org\n\n{fields}\n"),
            part(returned, RETURNED),
        ],
        "Return-Path: <>",
        "Auto-Submitted: auto-replied",
        subject=subject,
        extra="; report-type=delivery-status",
    )
    return raw.replace(b"Ada Sample <ada@example.com>", DAEMON.encode(), 1)


@pytest.mark.parametrize("returned", ["message/rfc822", "text/rfc822-headers"])
def test_a_delivery_status_names_recipient_and_message(returned: str) -> None:
    read = read_mail(dsn("Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1", returned=returned))
    assert read.bounce
    assert read.automatic_reason == "bounce"
    assert read.bounced_recipient == "ada@example.com"
    assert read.bounced_message_id == OURS
    assert read.attachments == ()


@pytest.mark.parametrize(
    "fields",
    [
        "Original-Recipient: rfc822;ada@example.com\nFinal-Recipient: RFC822; <ada@example.com>\nAction: failed (bad)\nStatus: 5.3.0",
        "Final-Recipient: rfc822; ada@example.com\nStatus: 5.1.1 (no such user)",
        "Original-Recipient: rfc822; ada@example.com\nFinal-Recipient: rfc822; u123@inner.example\nAction: failed\nStatus: 5.2.1",
        "Final-Recipient: rfc822; ok@example.com\nAction: delivered\nStatus: 2.0.0\n\n"
        "Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.0.0",
    ],
)
def test_delivery_states_as_servers_write_them(fields: str) -> None:
    read = read_mail(dsn(fields))
    assert (read.bounce, read.bounced_recipient) == (True, "ada@example.com")


def test_a_late_message_is_no_bounce() -> None:
    read = read_mail(
        dsn(
            "Final-Recipient: rfc822; ada@example.com\nAction: delayed\nStatus: 4.4.1",
            subject="Warning: could not send",
        )
    )
    assert (read.bounce, read.delayed, read.automatic_reason) == (False, True, "delivery_delay")
    assert (read.bounced_recipient, read.bounced_message_id) == ("ada@example.com", OURS)


def test_a_notice_of_success_is_no_bounce() -> None:
    read = read_mail(
        dsn("Final-Recipient: rfc822; ada@example.com\nAction: delivered\nStatus: 2.0.0", subject="Success")
    )
    assert (read.bounce, read.delayed, read.automatic_reason) == (False, False, "delivery_report")


PROSE = {
    "qmail": (
        "failure notice",
        "Hi. This is the qmail-send program at example.org.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\n\n<ada@example.com>:\n"
        f"192.0.2.1 does not like recipient.\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <support@example.net>\nMessage-ID: {OURS}\n",
    ),
    "exim": (
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\n"
        "recipients. This is a permanent error. The following address(es) failed:\n\n  ada@example.com\n    host mx.example.com [192.0.2.1]\n"
        f"    SMTP error: 550 5.1.1 unknown\n\n------ This is a copy of the message, including all the headers. ------\n\nMessage-Id: {OURS}\n",
    ),
    "gmail": (
        "Delivery Status Notification (Failure)",
        "** Address not found **\n\nYour message wasn't delivered to ada@example.com because the address couldn't be found.\n\n"
        f"----- Original message -----\n\nMessage-ID: {OURS}\n",
    ),
    "gmail-old": (
        "Delivery Status Notification (Failure)",
        "Delivery to the following recipient failed permanently:\n\n     ada@example.com\n\nTechnical details of permanent failure:\n"
        f"550 No such user\n\n----- Original message -----\n\nMessage-ID: {OURS}\n",
    ),
    "postfix": (
        "Undelivered Mail Returned to Sender",
        "This is the mail system at host mx.example.org.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n"
        f"<ada@example.com>: host mx.example.com said: 550 5.1.1 unknown (in reply to RCPT TO command)\n\nMessage-ID: {OURS}\n",
    ),
    "exchange": (
        "Undeliverable: Re: Export",
        "Delivery has failed to these recipients or groups:\n\nAda Sample (ada@example.com)\nThe e-mail address you entered couldn't be found.\n\n"
        f"Original message headers:\n\nMessage-ID: {OURS}\n",
    ),
    "exchange-german": (
        "Unzustellbar: Re: Export",
        "Ihre Nachricht konnte nicht zugestellt werden an:\n\nada@example.com\n\nDie E-Mail-Adresse wurde nicht gefunden.\n\n"
        f"Message-ID: {OURS}\n",
    ),
    "yahoo": (
        "Failure Notice",
        "Sorry, we were unable to deliver your message to the following address.\n\n<ada@example.com>:\n550: Mailbox not found\n\n"
        f"--- Below this line is a copy of the message.\n\nMessage-ID: {OURS}\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("subject", "body"), PROSE.values(), ids=PROSE)
def test_a_bounce_in_prose_is_read(subject: str, body: str) -> None:
    read = read_mail(mail(body, subject=subject, sender=DAEMON, reply=False))
    assert read.bounce
    assert read.bounced_recipient == "ada@example.com"
    assert read.bounced_message_id == OURS


@pytest.mark.parametrize(
    "subject",
    [
        "Olevererbart: Re: Export",
        "Zprávu nelze doručit: Re: Export",
        "Kézbesítés sikertelen",
        "تعذر التسليم: Re: Export",
        "ส่งไม่ได้: Re: Export",
        "系统退信/The email is returned.",
        "配信エラーのお知らせ",
        "메일 전송 실패 안내",
        "Wiadomość nie została dostarczona",
        "Không thể gửi: Re: Export",
        "Недоставлено: Re: Export",
    ],
)
def test_the_subject_of_a_bounce_is_known_in_many_languages(subject: str) -> None:
    read = read_mail(mail("ada@example.com", subject=subject, sender="Postmaster@mx.example", reply=False))
    assert (read.bounce, read.bounced_recipient) == (True, "ada@example.com")


@pytest.mark.parametrize(
    ("sender", "header"),
    [("MAILER-DAEMON@mx.example", "X-Some: thing"), ("postmaster@mx.example", "Return-Path: <>")],
)
def test_a_servers_own_account_that_names_an_address_tells_of_a_bounce_in_whatever_language(
    sender: str, header: str
) -> None:
    body = f"Ni fu modd danfon eich neges at:\n\n<ada@example.com>\n\nMessage-ID: {OURS}\n"
    read = read_mail(mail(body, header, subject="Neges heb ei danfon", sender=sender, reply=False))
    assert (read.bounce, read.bounced_recipient, read.bounced_message_id) == (True, "ada@example.com", OURS)


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Warnung: Nachricht seit 24 Stunden verzögert", "Bisher nicht zugestellt an:\n\n  ada@example.com\n"),
        ("Retraso", "Se seguirá intentando la entrega a:\n\n<ada@example.com>\n"),
        ("Neges", "Heb ei danfon eto:\n\n<ada@example.com>: host mx.example[192.0.2.1] said: 451 4.7.1 Greylisted\n"),
    ],
)
def test_what_is_only_late_is_no_bounce_in_whatever_language(subject: str, body: str) -> None:
    read = read_mail(mail(body, subject=subject, sender=DAEMON, reply=False))
    assert (read.bounce, read.delayed, read.bounced_recipient) == (False, True, "ada@example.com")


def test_a_server_that_gave_up_on_what_was_late_tells_of_a_bounce() -> None:
    body = "<ada@example.com>: connect to mx.example[192.0.2.1]:25: 451 4.4.1 timed out\n"
    read = read_mail(mail(body, subject="Undelivered Mail Returned to Sender", sender=DAEMON, reply=False))
    assert (read.bounce, read.bounced_recipient) == (True, "ada@example.com")


@pytest.mark.parametrize("sender", ["postmaster@mx.example", "Mail Administrator <grace@example.com>"])
def test_a_persons_mail_with_an_address_in_it_is_no_bounce(sender: str) -> None:
    for text in (
        "Please add this address to my board:\n\nada@example.com",
        "We got 451 4.7.1 from you:\n\nada@example.com",
    ):
        assert not read_mail(mail(text, sender=sender, reply=False)).automatic


def test_the_header_of_failed_recipients_is_proof() -> None:
    read = read_mail(
        mail("Could not be delivered.", "X-Failed-Recipients: ada@example.com", subject="Hm", sender="x@example.org")
    )
    assert (read.bounce, read.bounced_recipient) == (True, "ada@example.com")
    assert read.bounced_message_id == "<fte.first@example.net>"


def test_a_warning_in_prose_is_a_delay() -> None:
    body = "This message is delayed.\n\n<ada@example.com>: connect timed out\n\nIt will be retried for 5 days."
    read = read_mail(mail(body, subject="Delayed Mail (still being retried)", sender=DAEMON, reply=False))
    assert (read.bounce, read.delayed, read.bounced_recipient) == (False, True, "ada@example.com")


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Undeliverable invitations", "My invitations to bob@example.com could not be delivered. What can I do?"),
        ("Fwd: Undelivered Mail Returned to Sender", "Your mail came back to me, see below."),
        ("Mail delivery failed", "It says: mail delivery failed. Why?"),
    ],
)
def test_a_customer_who_writes_about_bounces_is_a_customer(subject: str, body: str) -> None:
    read = read_mail(mail(body, subject=subject, reply=False))
    assert (read.bounce, read.automatic) == (False, False)


def from_server(sender: str, subject: str, text: str, *headers: str, returns: bool = False) -> bytes:
    """A report in prose; `returns`: with our mail in it."""
    parts = [part("text/plain", text)] + ([part("message/rfc822", RETURNED)] if returns else [])
    raw = multipart("mixed", parts, *headers, subject=subject)
    return raw.replace(b"Ada Sample <ada@example.com>", sender.encode(), 1)


TRANSCRIPT = (
    "Error: Invalid user address\n\nError message below:\n550 - Requested action not taken: no such user here\n\n"
    "Message details:\n  Subject: Export\n  MAIL FROM: support@example.net\n  RCPT TO: ada@example.com\n"
)
UNREACHED = "Your message\n\n  To: ada@example.com\n\ndid not reach the following recipient(s):\n\nada@example.com\n"


@pytest.mark.parametrize(
    "raw",
    [
        from_server("post_master@example.com", "Re: Export", TRANSCRIPT),
        from_server("System Administrator <postmaster@example.com>", "E", UNREACHED, returns=True),
        from_server("postmaster@example.com", "E", UNREACHED, "Return-Path: <>"),
        from_server(
            "no-reply@example.com",
            "Mail",
            "Could not be delivered to: <ada@example.com>\nAs their mailbox is full.",
            returns=True,
        ),
        from_server(
            "postmaster@example.com", "[Postmaster] Email Delivery Failure", "To: ada@example.com", "Return-Path: <>"
        ),
    ],
)
def test_a_server_that_says_it_in_its_own_words_is_understood(raw: bytes) -> None:
    assert read_mail(raw).bounce


@pytest.mark.parametrize(
    "raw",
    [
        from_server("Grace <postmaster@example.com>", "Re: Export", "Our users get 550 5.1.1 user unknown. Why?"),
        from_server("Ada <ada@example.com>", "Fwd: trouble", f"See what I got:\n\n{UNREACHED}", returns=True),
        from_server("Ada <ada@example.com>", "Fwd: trouble", f"See what I got:\n\n{TRANSCRIPT}"),
    ],
)
def test_a_person_who_writes_of_such_trouble_is_a_person(raw: bytes) -> None:
    read = read_mail(raw)
    assert (read.bounce, read.automatic) == (False, False)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
def test_a_delivery_status_that_is_encoded_names_its_recipient(kind: str, encoding: str) -> None:
    fields = (
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: utf-8; adä@example.com\nAction: failed\nStatus: 5.1.1\n".encode()
    )
    encoded = (base64.encodebytes(fields) if encoding == "base64" else quopri.encodestring(fields)).decode()
    raw = multipart("report", [part("text/plain", "?"), part(kind, encoded, f"Content-Transfer-Encoding: {encoding}")])
    read = read_mail(raw.replace(b"Ada Sample <ada@example.com>", DAEMON.encode(), 1))
    assert (read.bounce, read.bounced_recipient) == (True, "adä@example.com")
    plain = "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1\n"
    raw = multipart("report", [part("text/plain", "?"), part(kind, plain, f"Content-Transfer-Encoding: {encoding}")])
    read = read_mail(raw.replace(b"Ada Sample <ada@example.com>", DAEMON.encode(), 1))
    assert (read.bounce, read.bounced_recipient) == (True, "ada@example.com")


def test_a_person_who_hands_a_bounce_on_is_a_person() -> None:
    bounce = (
        dsn("Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1").decode().replace("edge", "inner")
    )
    read = read_mail(multipart("mixed", [part("text/plain", "What is this?"), part("message/rfc822", bounce)]))
    assert (read.bounce, read.automatic, read.text) == (False, False, "What is this?")


def test_what_a_list_server_says_is_automatic() -> None:
    read = read_mail(from_server("neko-admin@example.com", "Loop Alert", "Duplicated Message-ID.", "X-MLServer: fml"))
    assert (read.automatic, read.bounce) == (True, False)
