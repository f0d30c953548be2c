"""Whatever comes: reading never fails, what a mail says is never lost, what a customer writes survives."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.mail.html_lines import lines_of_html
from channels.mail.lines import lines_of_plain
from channels.mail.parts import TextPart
from channels.mail.quoting import Circumstances, find_new_words
from channels.mail.reading import read_mail
from tests.unit.mail.samples import html, mail, multipart, part

PIECES = st.sampled_from(
    ["On Monday", "wrote:", "From: ", "To: ", "Subject: ", "Sent: ", "> ", ">> ", "-- \n", "--\n", "\n", "\n\n", " ", "Hello",
     "ada@example.com", "<ada@example.com>", "5 May 2025", "10:12", "-----Original Message-----", "________________________________",
     "Sent from my iPhone", "schrieb", "Am", "Le", "a écrit :", "Forwarded message", "help:", "##- Reply above this line -##",
     "日本", "confidential", "<div>", "</div>", "<blockquote>", "</blockquote>", "<br>", "&gt;", "=", "=?utf-8?Q?"]
)  # fmt: skip
BODIES = st.lists(PIECES | st.text(max_size=20), max_size=40).map("".join)
WORDS = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=12).map(
    lambda word: unicodedata.normalize("NFC", word)
)


@given(raw=st.binary(max_size=400))
def test_reading_bytes_never_fails(raw: bytes) -> None:
    read_mail(raw)


@given(
    head=st.lists(
        st.sampled_from(["From", "To", "Subject", "Content-Type", "Content-Transfer-Encoding", "References", "Return-Path",
                         "Content-Disposition", "Authentication-Results", "Message-ID", "Auto-Submitted"]).flatmap(
            lambda name: st.sampled_from(
                ["multipart/mixed; boundary=x", "multipart/report", "message/rfc822", "text/html; charset=utf-7", "base64", "<a@b",
                 "=?utf-8?B?####?=", "text/plain; charset*0*=x''%", "x-uuencode", "\udcff\udcfe", "\"", "(", "a@b, c@d <e@f>; g"]
            ).map(lambda value: f"{name}: {value}")
        ),
        max_size=8,
    ),
    body=BODIES,
)  # fmt: skip
def test_reading_broken_mails_never_fails(head: list[str], body: str) -> None:
    raw = ("\r\n".join([*head, "", "--x", "Content-Type: text/plain", "", body, "--x--"])).encode(
        "utf-8", errors="surrogateescape"
    )
    read_mail(raw, frozenset({"a@b"}), authserv_id="x")


@given(body=BODIES, reply=st.booleans(), subject=st.sampled_from(["Export", "Re: Export", "Fwd: Export"]))
def test_a_mail_that_says_anything_never_reads_as_empty(body: str, reply: bool, subject: str) -> None:
    for raw in (mail(body, reply=reply, subject=subject), html(body, reply=reply, subject=subject)):
        read = read_mail(raw)
        assert bool(read.text) == bool(read.full_text)
    assert bool(read_mail(mail(body, reply=reply)).text) == has_shown(body)


def has_shown(body: str) -> bool:
    return any(line.shown.strip() for line in lines_of_plain(TextPart(body)))


@given(body=BODIES, reply=st.booleans(), forward=st.booleans())
def test_new_words_are_lines_of_the_mail_in_their_order(body: str, reply: bool, forward: bool) -> None:
    lines = lines_of_plain(TextPart(body))
    found = find_new_words(lines, Circumstances(reply=reply, forward=forward))
    shown = iter([line.shown for line in lines])
    assert all(any(kept == line.strip() or kept == line for line in shown) for kept in found.text.split("\n") if kept)


@given(
    before=st.lists(WORDS, min_size=1, max_size=6).map(" ".join),
    after=st.lists(WORDS, min_size=1, max_size=6).map(" ".join),
    opening=st.sampled_from(
        ["On", "Am", "Le", "El", "Il", "Em", "Op", "Den", "From", "To", "Von", "De", "Subject", "Note", "Sent"]
    ),
    ending=st.sampled_from([":", "", ".", " wrote", " wrote:", " schrieb:"]),
)
def test_a_line_that_begins_with_on_or_holds_a_colon_survives(
    before: str, after: str, opening: str, ending: str
) -> None:
    line = f"{opening} {before}{ending}"
    body = f"Hello team,\n{line}\n{after} please help\n"
    read = read_mail(mail(body, reply=False, subject="Export"))
    assert line in read.text
    assert "please help" in read.text


@given(own=st.lists(WORDS, min_size=1, max_size=8).map(" ".join), quoted=st.lists(WORDS, min_size=3, max_size=8))
def test_a_quote_never_takes_the_words_above_it(own: str, quoted: list[str]) -> None:
    body = f"{own}\n\nOn 5 May 2025, at 10:12, Support <support@example.net> wrote:\n\n" + "\n".join(
        f"> {word}" for word in quoted
    )
    assert read_mail(mail(body)).text == own


@given(body=BODIES)
def test_the_lines_of_html_hold_no_break_and_no_hidden_letters(body: str) -> None:
    for line in lines_of_html(body):
        assert not re.search(r"[\r\n\x00\u200b\u2028\u202e]", line.shown)


@given(name=st.text(max_size=60))
def test_names_of_attachments_are_never_paths(name: str) -> None:
    safe = name.encode("utf-8", errors="replace").decode()
    quoted = safe.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
    raw = multipart("mixed", [part("application/pdf", "x", f'Content-Disposition: attachment; filename="{quoted}"')])
    for attachment in read_mail(raw).attachments:
        assert attachment.name
        assert not re.search(r"[/\\\x00-\x1f]|^\.|\.$", attachment.name)
        assert len(attachment.name) <= 150


HUGE = 60_000
HOSTILE = {
    "one-word": "x" * HUGE,
    "quote-marks": ">" * HUGE,
    "attributions": "On 5 May 2025, at 10:12, Support <s@example.net> wrote:\n" * (HUGE // 60),
    "half-attributions": "On 5 May 2025 10:12 wrote\n" * (HUGE // 26),
    "labels": "From: a\n" * (HUGE // 8),
    "angles": "<" * HUGE,
    "brackets": "(" * HUGE,
    "empty-lines": "\n" * HUGE,
    "spaces": " " * HUGE,
    "address-like": "a." * (HUGE // 2) + "@",
    "sent-from": "Sent from " + "a" * 120 + "!\n",
    "flowed": "word \n" * (HUGE // 6),
    "dashes": "-" * HUGE,
    "encoded-words": "=?utf-8?Q?a" * (HUGE // 11),
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_mail_is_read_in_the_time_that_its_length_takes(body: str) -> None:
    daemon = "Mail Delivery Subsystem <mailer-daemon@example.org>"
    read_mail(mail(body, subject="Undeliverable", sender=daemon))
    read_mail(mail(body, content_type="text/plain; format=flowed"))
    read_mail(html(body.replace("<", "<a href=x>"), subject=body[:50_000].replace("\n", " ")))
    read_mail(html("<ol>" + "<li>x" * 5_000 + "<b><i>" * 500))
    read_mail(body.encode() + b"\nSubject: x\n\nHello")
    read_mail(
        multipart(
            "mixed", [part("application/pdf", "x", f'Content-Disposition: attachment; filename="{body[:50_000]}"')]
        )
    )
