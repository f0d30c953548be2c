"""Mail that no person wrote is known by what it says about itself, and only by that."""

from __future__ import annotations

import pytest

from channels.mail.automatic import TOKEN_HEADER
from channels.mail.reading import read_mail
from tests.unit.mail.samples import html, mail, multipart, part

OWN = frozenset({"support@example.net"})

HEADERS = {
    "Auto-Submitted: auto-replied": "auto_submitted",
    "Auto-Submitted: auto-generated (rejected)": "auto_submitted",
    "Auto-Submitted: auto-notified; owner-email=x": "auto_submitted",
    "Precedence: bulk": "bulk",
    "Precedence: junk": "bulk",
    "Precedence: list": "mailing_list",
    "Precedence: auto_reply": "auto_header",
    "X-Precedence: bulk": "bulk",
    "List-Id: News <news.example.org>": "mailing_list",
    "List-Unsubscribe: <https://example.org/u>": "mailing_list",
    "X-Autoreply: yes": "auto_header",
    "X-Autorespond: Out": "auto_header",
    "X-AutoReply-From: ada@example.com": "auto_header",
    "X-Mail-Autoreply: x": "auto_header",
    "X-Vacation: yes": "auto_header",
    "X-POST-MessageClass: 9; Autoresponder": "auto_header",
    "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent": "auto_header",
    "X-FC-MachineGenerated: true": "auto_header",
    "Delivered-To: Autoresponder": "auto_header",
    "Return-Path: <>": "null_sender",
    f"{TOKEN_HEADER}: 4711": "own_mail",
}


@pytest.mark.parametrize(("header", "reason"), HEADERS.items(), ids=HEADERS)
def test_a_header_of_automatic_mail_is_proof(header: str, reason: str) -> None:
    read = read_mail(mail("I am away.", header))
    assert read.automatic
    assert read.automatic_reason == reason


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "X-Auto-Response-Suppress: All",
        "X-Autoreply: no",
        "Precedence: first-class",
        "Return-Path: <ada@example.com>",
        "X-Mailer: Apple Mail (2.3774)",
        "X-MS-Exchange-Inbox-Rules-Loop: ada@example.com",
    ],
)
def test_what_people_send_too_is_no_proof(header: str) -> None:
    assert not read_mail(mail("Hello", header)).automatic


@pytest.mark.parametrize(
    ("sender", "reason"),
    [
        ("MAILER-DAEMON@example.com", "mailer_daemon"),
        ("Mail Delivery <mailer-daemon@example.com>", "mailer_daemon"),
        ("noreply@example.com", "no_reply"),
        ("No Reply <no-reply+4711@example.com>", "no_reply"),
        ("do_not_reply@example.com", "no_reply"),
        ("billing-noreply@example.com", "no_reply"),
        ("ne-pas-repondre@example.com", "no_reply"),
        ("Support <SUPPORT@example.net>", "own_address"),
        ("support+tf-1@example.net", "own_address"),
    ],
)
def test_a_sender_that_takes_no_answer_gets_none(sender: str, reason: str) -> None:
    assert read_mail(mail("Hello", sender=sender), OWN).automatic_reason == reason


@pytest.mark.parametrize(
    "sender", ["norep@example.com", "reply@example.com", "support@example.com", "postmaster@example.com"]
)
def test_other_senders_are_people(sender: str) -> None:
    assert not read_mail(mail("Hello", sender=sender), OWN).automatic


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Export", "Out of Office: Re: Export", "Out of office", "Out of Office AutoReply: Export",
        "Autoreply: Export", "Automatic reply", "Abwesenheitsnotiz: Export", "Automatische Antwort: Export",
        "Abwesenheitsnotiz", "Réponse automatique : Export", "Absence du bureau", "Respuesta automática: Export",
        "Fuera de la oficina", "Risposta automatica: Export", "Fuori ufficio: Export", "Resposta automática: Export",
        "Ausência temporária: Export", "Automatisch antwoord: Export", "Afwezig: Export", "Autosvar: Export",
        "Automatiskt svar: Export", "Automatisk svar: Export", "Automaattinen vastaus: Export", "Autoodpowiedź: Export",
        "Automatická odpověď: Export", "Automatikus válasz: Export", "Răspuns automat: Export", "Автоматический ответ: Export",
        "Автоответ: Export", "Автоматична відповідь: Export", "Αυτόματη απάντηση: Export", "Otomatik Yanıt: Export",
        "מענה אוטומטי: Export", "رد تلقائي: Export", "自動返信: Export", "自动回复: Export", "自動回覆: Export", "자동 회신: Export",
        "Trả lời tự động: Export", "[Automatic reply] Export", "Out of office until 12 May", "On vacation: back on 12 May",
    ],
)  # fmt: skip
def test_the_subject_of_an_absence_note_is_known_in_many_languages(subject: str) -> None:
    read = read_mail(mail("I am away.", subject=subject))
    assert read.automatic_reason == "vacation"


@pytest.mark.parametrize(
    "subject",
    [
        "Re: Automatic reply: Export", "Out of office setting does not work", "Auto save is broken", "Automatic reply does not send",
        "Vacation calendar for my team", "Holiday export", "Question about automatic replies", "Urlaubskalender", "Absence de réponse",
        "Leave the workspace", "Ausente o erro", "Away status",
    ],
)  # fmt: skip
def test_a_question_about_absences_is_a_question(subject: str) -> None:
    assert not read_mail(mail("Please help", subject=subject)).automatic


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Absence", "Hello,\n\nhow can I mark the absence of a team member?"),
        ("Out of office: how do I set it?", "Hi, where can I mark that somebody is away?"),
        ("On leave", "How do I hide who is on leave from the workload view?"),
        ("Automatic reply: does your form send one?", "I would like that."),
        ("Auto response", "Can a form send one? I did not find it."),
        ("Urlaub", "Hallo, wie trage ich Urlaub ein?"),
        ("Semester", "Hur lägger jag in semester i kalendern?"),
        ("休暇中", "休暇中のメンバーはどう表示しますか？"),
        ("خارج المكتب", "كيف أضع علامة على الغياب؟"),
    ],
)
def test_a_first_mail_that_asks_something_is_a_persons_whatever_its_subject(subject: str, text: str) -> None:
    read = read_mail(mail(text, subject=subject, reply=False))
    assert not read.automatic
    assert read_mail(mail(text, "Auto-Submitted: auto-replied", subject=subject, reply=False)).automatic


def test_an_absence_note_that_answers_nothing_and_asks_nothing_is_automatic() -> None:
    note = "I am away. See https://example.com/team?who=bob for whom to ask."
    assert read_mail(mail(note, subject="Out of office", reply=False)).automatic_reason == "vacation"


def test_an_answer_to_an_invitation_is_automatic_and_an_invitation_is_not() -> None:
    for method, automatic in (("REPLY", True), ("REQUEST", False)):
        event = f"BEGIN:VCALENDAR\nMETHOD:{method}\nBEGIN:VEVENT\nSUMMARY:Demo\nEND:VEVENT\nEND:VCALENDAR"
        raw = multipart(
            "alternative",
            [part("text/plain", "Demo"), part(f"text/calendar; method={method}", event)],
            subject="Accepted: Demo",
        )
        read = read_mail(raw)
        assert read.automatic is automatic
        assert read.automatic_reason == ("calendar_reply" if automatic else "")


def test_a_read_receipt_is_automatic() -> None:
    receipt = part(
        "message/disposition-notification",
        "Final-Recipient: rfc822;ada@example.com\nDisposition: manual-action; displayed",
    )
    raw = multipart(
        "report",
        [part("text/plain", "Your message was read."), receipt],
        extra="; report-type=disposition-notification",
    )
    read = read_mail(raw)
    assert (read.automatic_reason, read.bounce) == ("read_receipt", False)


def test_a_report_of_abuse_is_automatic() -> None:
    report = part("message/feedback-report", "Feedback-Type: abuse\nUser-Agent: x/1")
    raw = multipart("report", [part("text/plain", "A complaint."), report], extra="; report-type=feedback-report")
    assert read_mail(raw).automatic_reason == "report"


def test_mail_through_our_own_group_is_a_customers() -> None:
    headers = ("List-Id: <support.example.net>", "Precedence: list", "List-Unsubscribe: <mailto:x@example.net>")
    assert read_mail(mail("Hello", *headers)).automatic
    assert not read_mail(mail("Hello", *headers), OWN).automatic


def test_an_absence_note_in_html_is_known_by_its_header() -> None:
    assert read_mail(html("<p>Ich bin im Urlaub</p>", "Auto-Submitted: auto-replied")).automatic
