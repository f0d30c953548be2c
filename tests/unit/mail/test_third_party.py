"""Real mails of other projects, read in place: none of them is part of this repository.

What is expected is what a person would keep of each.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from channels.mail.html_lines import lines_of_html
from channels.mail.lines import lines_of_plain
from channels.mail.parts import TextPart
from channels.mail.quoting import Circumstances, find_new_words
from channels.mail.reading import read_mail

ROOT = Path(__file__).parents[3]
MAILS = ROOT.parent / "shared" / "data" / "email"
needs_mails = pytest.mark.skipif(not MAILS.is_dir(), reason="the mails of other projects are not here")

TALON = "talon/tests/fixtures"
REPLIES = "github-email_reply_parser/test/emails"
MIKEL = "mikel-mail/spec/fixtures/emails"


def new_words(file: str) -> str:
    text = (MAILS / file).read_bytes().decode("utf-8", errors="replace")
    lines = lines_of_html(text) if file.endswith(".html") else lines_of_plain(TextPart(text))
    return find_new_words(lines, Circumstances(reply=True)).text


@needs_mails
def test_every_mail_is_read_and_none_that_says_anything_is_empty() -> None:
    files = sorted(MAILS.rglob("*.eml"))
    assert files
    for file in files:
        read = read_mail(file.read_bytes())
        assert bool(read.text) == bool(read.full_text), file


@needs_mails
@pytest.mark.parametrize(
    "name",
    ["android", "aol", "apple_mail", "apple_mail_2", "comcast", "gmail", "hotmail", "iphone", "outlook", "sparrow",
     "thunderbird", "yahoo"],
)  # fmt: skip
def test_the_word_hello_is_all_that_is_new(name: str) -> None:
    read = read_mail((MAILS / TALON / "standard_replies" / f"{name}.eml").read_bytes())
    assert (read.text, read.quoted_removed) == ("Hello", True)


@needs_mails
@pytest.mark.parametrize(
    "name",
    ["gmail", "hotmail", "mail_ru", "ms_outlook_2003", "ms_outlook_2007", "ms_outlook_2010", "thunderbird", "windows_mail",
     "yandex_ru"],
)  # fmt: skip
def test_the_reply_in_html_is_found(name: str) -> None:
    assert new_words(f"{TALON}/html_replies/{name}.html").split() == ["Hi.", "I", "am", "fine.", "Thanks,", "Alex"]


@needs_mails
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("email_1_4", "Awesome! I haven't had another problem with it."),
        ("email_1_7", ":+1:"),
        ("email_1_8", "I will reply under this one\n\nand under this."),
        ("email_2_1", "Outlook with a reply"),
        ("email_2_2", "Outlook with a reply directly above line"),
        ("email_2_3", "Outlook with a reply directly above line"),
        ("email_BlackBerry", "Here is another email"),
        ("email_iPhone", "Here is another email"),
        ("email_multi_word_sent_from_my_mobile_device", "Here is another email"),
        (
            "email_sent_from_my_not_signature",
            "Here is another email\n\nSent from my desk, is much easier then my mobile phone.",
        ),
        ("correct_sig", "this is an email with a correct -- signature."),
        (
            "email_one_is_not_on",
            "Thank, this is really helpful.\n\nOne outstanding question I had:\n\nLocally (on development), when I run...",
        ),
    ],
)
def test_replies_in_plain_text_are_found(name: str, text: str) -> None:
    assert new_words(f"{REPLIES}/{name}.txt") == text


@needs_mails
@pytest.mark.parametrize(
    ("name", "bounce", "recipient"),
    [
        ("multi_address_bounce1", True, "bbbbvhvbbvkjbhfbvbvjhb@gmail.com"),
        ("multi_address_bounce2", True, "bbbbvhvbbvkjbhfbvbvjhb@gmail.com"),
        ("multipart_report_multiple_status", True, "u@ci.com"),
        ("report_530", True, "edwin@zzzzzzz.com"),
        ("report_422", False, "fraser@oooooooo.com.au"),
    ],
)
def test_reports_on_delivery_are_told_apart(name: str, bounce: bool, recipient: str) -> None:
    read = read_mail((MAILS / MIKEL / "multipart_report_emails" / f"{name}.eml").read_bytes())
    assert (read.bounce, read.delayed, read.automatic, read.bounced_recipient) == (bounce, not bounce, True, recipient)
    assert read.bounced_message_id


@needs_mails
@pytest.mark.parametrize(
    ("file", "subject", "text"),
    [
        (
            "multi_charset/japanese_shift_jis",
            None,
            "あいうえお\n\nこのメールはテスト用のメールです。\n\n今後ともよろしくお願い申し上げます！",
        ),
        ("multi_charset/ks_c_5601-1987", None, "스티해"),
        ("multi_charset/japanese_iso_2022", None, "すみません。"),
        ("plain_emails/raw_email_with_partially_quoted_subject", 'Re: Test: "漢字" mid "漢字" tail', None),
        ("rfc6532/utf8_headers", "Säying Hello", "body"),
        ("error_emails/bad_encoded_subject", "TEST", "TEST"),
        ("plain_emails/raw_email_incorrect_header", "Stop adware/spyware once and for all.", None),
    ],
)
def test_charsets_and_broken_headers_of_real_mails(file: str, subject: str | None, text: str | None) -> None:
    read = read_mail((MAILS / MIKEL / f"{file}.eml").read_bytes())
    assert subject is None or read.subject == subject
    assert text is None or read.text == text


@needs_mails
@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("attachment_emails/attachment_with_base64_encoded_name", ["This is a test.pdf"]),
        ("attachment_emails/attachment_nonascii_filename", ["ciële.txt"]),
        ("attachment_emails/attachment_with_quoted_filename", ["Eelanalüüsi päring.jpg"]),
        ("multi_charset/japanese_attachment_long_name", ["かきくけこかきくけこかきくけこかきくけこかきくけこ.txt"]),
        ("mime_emails/raw_email7", ["test.rb", "test.pdf", "smime.p7s"]),
    ],
)
def test_attachments_of_real_mails_are_named(file: str, names: list[str]) -> None:
    assert [item.name for item in read_mail((MAILS / MIKEL / f"{file}.eml").read_bytes()).attachments] == names
