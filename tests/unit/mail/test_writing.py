"""Our mails stay in their thread, say that they are automatic, and carry nothing that somebody smuggled in."""

from __future__ import annotations

import email
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import BadInput
from channels.mail.automatic import TOKEN_HEADER
from channels.mail.reading import read_mail
from channels.mail.records import Mailbox
from channels.mail.writing import (
    REFERENCES_MOST,
    as_html,
    compose_new,
    compose_reply,
    make_message_id,
    reference_chain,
    reply_subject,
    token_in,
)

SENDER = Mailbox("support@example.net", "TaskFlow Süpport, Team")
TO = Mailbox("ada@example.com", "Ada Sample")
AT = datetime(2026, 1, 2, 10, 12, tzinfo=UTC)
TEXT = "Dear Ada,\n\n1. Open https://example.org/a?b=1&c=2.\n2. Choose <Export>.\n\nBest regards\nTaskFlow Support"
FIELDS = {"From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Thread-Index", "Auto-Submitted",
          "X-Auto-Response-Suppress", TOKEN_HEADER, "MIME-Version", "Content-Type"}  # fmt: skip


def reply(**changes: object) -> bytes:
    given_ = {
        "sender": SENDER, "to": TO, "subject": "Export", "text": TEXT, "token": "out-4711", "sent_at": AT,
        "in_reply_to": "<question@example.com>", "references": ("<root@example.com>",),
    } | changes  # fmt: skip
    return compose_reply(**given_)  # type: ignore[arg-type]


def parsed(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_an_answer_stays_in_its_thread() -> None:
    message = parsed(reply())
    assert message["Subject"] == "Re: Export"
    assert message["In-Reply-To"] == "<question@example.com>"
    assert message["References"].split() == ["<root@example.com>", "<question@example.com>"]
    assert message["To"].addresses[0].addr_spec == "ada@example.com"
    assert message["From"].addresses[0].display_name == "TaskFlow Süpport, Team"
    assert message["Date"].datetime == AT


def test_an_answer_says_that_it_is_automatic_and_is_known_again() -> None:
    raw = reply()
    message = parsed(raw)
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["X-Auto-Response-Suppress"] == "All"
    assert message[TOKEN_HEADER] == "out-4711"
    assert message["Message-ID"] == "<fte.out-4711@example.net>" == make_message_id("out-4711", SENDER)
    assert token_in(message["Message-ID"]) == "out-4711"
    assert token_in("<other@example.net>") == ""
    assert read_mail(raw).automatic_reason == "own_mail"


def test_a_persons_answer_is_not_marked_automatic() -> None:
    assert parsed(reply(automatic=False))["Auto-Submitted"] is None


def test_a_mail_that_begins_a_thread_has_no_references() -> None:
    message = parsed(compose_new(sender=SENDER, to=TO, subject="Your request", text="Hi", token="t", sent_at=AT))
    assert message["Subject"] == "Your request"
    assert message["References"] is None
    assert message["In-Reply-To"] is None
    assert message["Auto-Submitted"] == "auto-generated"


def test_the_same_answer_is_the_same_bytes() -> None:
    assert reply() == reply()


def test_plain_text_and_html_say_the_same() -> None:
    message = parsed(reply(ticket_id="TF-20260102-0001"))
    assert message.get_content_type() == "multipart/alternative"
    plain, rich = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert plain.strip() == f"{TEXT}\n\nTicket reference: TF-20260102-0001"
    assert '<a href="https://example.org/a?b=1&amp;c=2">https://example.org/a?b=1&amp;c=2</a>.' in rich
    assert "&lt;Export&gt;" in rich
    assert "Ticket reference: TF-20260102-0001" in rich


def test_a_ticket_that_the_text_names_is_named_once() -> None:
    text = f"{TEXT}\n\nTicket reference: TF-20260102-0001"
    plain = next(parsed(reply(text=text, ticket_id="TF-20260102-0001")).iter_parts()).get_content()
    assert plain.count("TF-20260102-0001") == 1


@pytest.mark.parametrize(
    ("received", "answer"),
    [
        ("Export", "Re: Export"), ("Re: Export", "Re: Export"), ("RE: re: Re: Export", "Re: Export"), ("AW: Export", "Re: Export"),
        ("SV: Export", "Re: Export"), ("Antw: Export", "Re: Export"), ("RE[2]: Export", "Re: Export"), ("回复：Export", "Re: Export"),
        ("Odp: AW: Export", "Re: Export"), ("YNT: Export", "Re: Export"), ("Fwd: Export", "Re: Fwd: Export"), ("", "Re:"),
        ("Report: numbers", "Re: Report: numbers"), ("Export\r\nBcc: x@example.org", "Re: Export Bcc: x@example.org"),
    ],
)  # fmt: skip
def test_re_stands_once_in_front_in_any_language(received: str, answer: str) -> None:
    assert reply_subject(received) == answer


def test_long_ids_are_folded_between_and_never_within() -> None:
    long_id = f"<{'a' * 200}@{'b' * 60}.example>"
    raw = reply(references=[long_id, "<second@example.com>"], in_reply_to=long_id)
    assert long_id.encode() in raw
    assert b"=?utf-8" not in raw.split(b"References:")[1].split(b"\r\nAuto")[0]
    assert read_mail(raw).references == ("<second@example.com>", long_id)
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998


def test_a_long_chain_keeps_its_first_and_newest_ids() -> None:
    chain = reference_chain([f"<{number}@example.com>" for number in range(200)])
    assert len(chain) == REFERENCES_MOST
    assert chain[0] == "<0@example.com>"
    assert chain[-1] == "<199@example.com>"
    assert reference_chain(["<a@x>", "no id", "<b@x>", "<a b@x>", "<a@x>"]) == ["<b@x>", "<a@x>"]


def test_outlooks_thread_index_goes_on() -> None:
    message = parsed(reply(thread_index="AdlWbQ1aM2Y5ZzI0Sc2oBn1oXfQjzg=="))
    assert message["Thread-Index"].startswith("AdlWbQ1aM2Y5ZzI0Sc2oBn1oXfQjz")
    assert len(message["Thread-Index"]) == 36
    assert parsed(reply(thread_index="garbage\r\nBcc: x@example.org"))["Thread-Index"] is None


@pytest.mark.parametrize(
    "address", ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example.com\r\nBcc: x@example.org", "ädä@example.com",
                "ada@example.com, eve@example.org", ".ada@example.com", "a..b@example.com", "<ada@example.com>"],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="to: must be an e-mail address"):
        reply(to=Mailbox(address, "Ada"))


def test_an_international_domain_is_written_as_dns_has_it() -> None:
    assert parsed(reply(to=Mailbox("ada@bücher.example")))["To"].addresses[0].domain == "xn--bcher-kva.example"


@pytest.mark.parametrize("token", ["", "a b", "a\r\nBcc: x", "ä", "x" * 101, "@"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(BadInput, match="token"):
        reply(token=token)


NASTY = st.text(st.characters() | st.sampled_from('\r\n\t:<>@,;"\\ \x00\u2028\u0085é日'), max_size=120)


@given(name=NASTY, subject=NASTY, text=NASTY, in_reply_to=NASTY, reference=NASTY, index=NASTY, ticket=NASTY)
def test_nothing_that_is_written_into_an_answer_adds_a_header(
    name: str, subject: str, text: str, in_reply_to: str, reference: str, index: str, ticket: str
) -> None:
    raw = reply(
        to=Mailbox("ada@example.com", name), subject=f"{subject}\r\nBcc: eve@example.org", text=text,
        in_reply_to=in_reply_to, references=[reference, f"<x@y>\r\nBcc: {reference}"], thread_index=index, ticket_id=ticket,
    )  # fmt: skip
    message = parsed(raw)
    assert set(message.keys()) <= FIELDS
    assert len(message.keys()) == len(set(message.keys()))
    assert [address.addr_spec for address in message["To"].addresses] == ["ada@example.com"]
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert head.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")


@given(text=st.text(max_size=300))
def test_the_text_arrives_as_it_was_written(text: str) -> None:
    shown = next(parsed(reply(text=text)).iter_parts()).get_content()
    kept = "".join(letter for letter in text if letter.isprintable())
    assert "".join(letter for letter in shown if letter.isprintable()).replace(" ", "") == kept.replace(" ", "")


@given(text=st.text(max_size=300))
def test_html_holds_no_tag_that_we_did_not_write(text: str) -> None:
    page = as_html(text)
    for tag in ("<p", "</p>", "<br>", "<a href", "</a>", "<!DOCTYPE html>", "<html>", "</html>", "<head>", "</head>",
                "<body>", "</body>", "<meta"):  # fmt: skip
        page = page.replace(tag, "")
    assert "<" not in page
