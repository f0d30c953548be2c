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


def calendar_mail(method: str, text: str, subject: str = "Accepted: Demo") -> bytes:
    event = (
        f"BEGIN:VCALENDAR\nMETHOD:{method}\nBEGIN:VEVENT\nSUMMARY:Demo of the boards\nLOCATION:Room 4\n"
        "DTSTART:20250505T100000Z\nDESCRIPTION:We look at the boards together.\nEND:VEVENT\nEND:VCALENDAR"
    )
    parts = [part("text/plain; charset=utf-8", text), part(f"text/calendar; method={method}", event)]
    return multipart("alternative", parts, subject=subject)


@pytest.mark.parametrize("method", ["REPLY", "COUNTER", "CANCEL"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "Demo of the boards",
        "Ada Sample <ada@example.com> has accepted this invitation.",
        "Ada Sample has declined your invitation.\n\nWe look at the boards together.\nWhen: Monday 10:00\nWhere: Room 4",
        "ada@example.com has accepted this invitation.\n\nDemo of the boards\nMon May 5, 2025\n\nInvitation from Google Calendar: "
        "https://calendar.google.com/calendar/?pli=1\n\nYou are receiving this courtesy email because you are an attendee.",
        "Der Termin wurde abgesagt.\n\nMit freundlichen Grüßen\nAda Sample",
        "La réunion a été annulée.",
        "Событие отменено.",
        "予定はキャンセルされました",
        "-----Original Appointment-----",
    ],
)
def test_a_calendars_answer_without_words_of_its_own_is_automatic(method: str, text: str) -> None:
    read = read_mail(calendar_mail(method, text))
    assert (read.automatic, read.automatic_reason) == (True, "calendar_reply")


@pytest.mark.parametrize("method", ["REPLY", "CANCEL"])
@pytest.mark.parametrize(
    "text",
    [
        "I have to decline. How do I export my board meanwhile?",
        "Sorry, I am ill that day. The import still fails with error 504, please have a look.",
        "Ada Sample has declined.\n\nPlease send me the invoice for May.",
        "Leider kann ich nicht, bitte schicken Sie mir die Anleitung.",
        "我无法导出我的看板请帮忙",
    ],
)
def test_a_calendars_answer_with_a_persons_words_is_a_persons(method: str, text: str) -> None:
    read = read_mail(calendar_mail(method, text, subject="Declined: Demo"))
    assert not read.automatic
    assert read.text == text


@pytest.mark.parametrize("text", ["a" * 400_000, "a:" + "b" * 400_000, "a@" * 200_000, "Urgent " * 60_000 + "?"])
def test_a_calendars_answer_without_end_costs_no_time(text: str) -> None:
    assert read_mail(calendar_mail("REPLY", text)).text


def test_an_invitation_is_not_automatic() -> None:
    assert not read_mail(calendar_mail("REQUEST", "Demo of the boards", subject="Invitation: Demo")).automatic


ASIDES = [
    "I am away until 12 May. Urgent? Write to bob@example.com.",
    "I am out of the office.\nIs it urgent? Please call +49 30 1234567.",
    "Ich bin bis 12. Mai nicht im Büro. Dringend? Bitte wenden Sie sich an bob@example.com.",
    "Je suis en congés jusqu'au 12 mai. Une urgence ? Écrivez à bob@example.com.",
    "Estoy de vacaciones hasta el 12 de mayo. ¿Es urgente? Escriba a bob@example.com.",
    "Sono in ferie fino al 12 maggio. Urgente? Scrivere a bob@example.com.",
    "Ik ben afwezig tot 12 mei. Spoed? Neem contact op met bob@example.com.",
    "I am away. Need help? See https://example.com/help.",
    "Я в отпуске. Срочно? Пишите на bob@example.com.",
]


@pytest.mark.parametrize("note", ASIDES)
@pytest.mark.parametrize("reply", [True, False])
def test_a_question_that_names_whom_to_ask_makes_no_absence_note_a_persons(note: str, reply: bool) -> None:
    subject = "Abwesenheit: Export" if reply else "Out of office"
    assert read_mail(mail(note, subject=subject, reply=reply)).automatic_reason == "vacation"


@pytest.mark.parametrize(
    "text",
    [
        "How do I mark my team as away? It is urgent, write to me at ada@example.com.",
        "I am away until 12 May. Urgent? Write to bob@example.com. Could you export my board meanwhile?",
        "Is it urgent to renew before my holiday? I do not know.",
    ],
)
def test_a_real_question_beside_it_is_answered(text: str) -> None:
    assert not read_mail(mail(text, subject="Out of office", reply=False)).automatic


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
