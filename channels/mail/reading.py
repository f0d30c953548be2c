"""One mail, from its bytes: who wrote, what is new in it, and whether a person wrote it at all."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from email.message import Message
from typing import Final

from channels.mail.absence import reads_as_absence_note, without_asides
from channels.mail.authentication import judge_author
from channels.mail.automatic import OwnWords, automatic_reason
from channels.mail.bounces import Report, find_report
from channels.mail.calendars import invitation_text, says_more_than
from channels.mail.charsets import decode_text
from channels.mail.headers import first_id, header_text, mailboxes, message_ids
from channels.mail.html_lines import lines_of_html
from channels.mail.lines import Line, join_lines, lines_of_plain, split_lines
from channels.mail.parts import Body, Parts, TextPart, parse_headers, parse_message, take_apart
from channels.mail.quoting import Circumstances, NewWords, find_new_words
from channels.mail.records import Authentication, MailAttachment, Mailbox, ReadMail, Reason

logger = logging.getLogger(__name__)

_REPLY_SUBJECT: Final = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)?(?:re|aw|antw?|sv|vs|odp|odpov|ynt|yanıt|cevap|r|rif|res|resp|ref|bls|"
    r"vá|vl|ats|atb|στ|σχετ|απ|hal|回复|回覆|答复|返信|답장|отв|відп|תגובה|رد)\s*(?:\[\d+\]|\(\d+\)|"
    r"\^\d+)?\s*[:：]",
    re.IGNORECASE,
)
_FORWARD_SUBJECT: Final = re.compile(
    r"^\s*(?:\[[^\]]{1,40}\]\s*)?(?:fwd?|wg|tr|trans|rv|enc|i|doorst|vs|vb|vl|pd|továbbítás|továbbítva|"
    r"fs|προωθ|πρθ|ilt|ılt|пересл|переадр|пересылка|转发|轉寄|轉發|転送|전달|הועבר|إعادة توجيه|vidar|"
    r"videresend|přeposl|tov)\s*(?:\[\d+\]|\(\d+\))?\s*[:：]",
    re.IGNORECASE,
)
_STUB: Final = re.compile(
    r"(?:not|n't|unable to|cannot|kein|pas|no puede|non)\b.{0,40}\b(?:support|display|read|view|show|"
    r"render|unterstützt|anzeigen|afficher|mostrar|visualizza)\w*\b.{0,30}html|"
    r"html[- ](?:e-?mail|enabled|capable|compatible|formatted|version|format)|(?:view|see|read|"
    r"open) (?:this|the|it).{0,30}(?:in|with|using).{0,20}(?:browser|html)|"
    r"multi-?part message in mime format|"
    r"this (?:e-?mail|message) (?:is|was|contains|requires).{0,20}html",
    re.IGNORECASE,
)
_STUB_WORDS: Final = 40
_QUESTION: Final = re.compile(r"\?(?!\w)|[？؟]")
"""Not the one within an address of the web."""
_ADDRESS_OF_WEB: Final = re.compile(r"\(?<?https?://\S+")


@dataclass(frozen=True, slots=True)
class _Text:
    new: NewWords
    full: str
    html_only: bool = False


def read_mail(raw: bytes, own_addresses: frozenset[str] = frozenset(), *, authserv_id: str = "") -> ReadMail:
    """Read one mail as it was received. Never raises, whatever the bytes.

    `own_addresses` are the mailboxes that the FTE answers from; mail from them is automatic. `authserv_id` is the
    name by which our receiving server signs Authentication-Results (Gmail's is mx.google.com); without it
    nothing counts as authenticated.
    """
    for parse in (parse_message, parse_headers):
        try:
            return _read(parse(raw), own_addresses, authserv_id)
        except Exception as error:
            logger.warning("a mail could not be read by %s: %s", parse.__name__, type(error).__name__)
    return _read_as_text(raw)


def _read(message: Message, own_addresses: frozenset[str], authserv_id: str) -> ReadMail:
    parts = take_apart(message)
    subject = header_text(message, "Subject")
    authors = mailboxes(message, "From") or mailboxes(message, "Sender")
    sender = authors[0] if authors else Mailbox()
    circumstances = _circumstances(message, subject)
    text = _read_text(parts, circumstances)
    report = find_report(message, sender, subject, parts, text.full)
    said = f"{subject}\n{without_asides(text.new.text)}"
    own_words = OwnWords(
        asks_first=not circumstances.reply and _QUESTION.search(said) is not None,
        beside_calendar=any(parts.bodies) and _adds_words(text.new.text, parts),
    )
    reason = report.reason if report else automatic_reason(message, sender, subject, parts, own_addresses, own_words)
    if reason is None and circumstances.reply and reads_as_absence_note(text.new.text):
        reason = Reason.VACATION
    reply_to = mailboxes(message, "Reply-To")
    return ReadMail(
        sender=sender,
        reply_to=reply_to[0] if reply_to else None,
        to=mailboxes(message, "To"),
        cc=mailboxes(message, "Cc"),
        subject=subject,
        text=text.new.text,
        full_text=text.full,
        quoted_removed=text.new.quoted_removed,
        html_only=text.html_only,
        automatic=reason is not None,
        automatic_reason=reason or "",
        bounce=reason is Reason.BOUNCE,
        delayed=reason is Reason.DELAY,
        bounced_recipient=report.recipient if report else "",
        bounced_message_id=report.message_id if report else "",
        message_id=first_id(message, "Message-ID"),
        in_reply_to=first_id(message, "In-Reply-To"),
        references=message_ids(message, "References"),
        thread_index=header_text(message, "Thread-Index"),
        authentication=judge_author(message, authors, authserv_id),
        attachments=_attachments(parts, report),
    )


def _attachments(parts: Parts, report: Report | None) -> tuple[MailAttachment, ...]:
    """Without the mail that a report on delivery returns: nobody attached it."""
    returned = report is not None and report.reason in {Reason.BOUNCE, Reason.DELAY, Reason.DELIVERY_REPORT}
    return tuple(item for item in parts.attachments if not (returned and item.content_type.startswith("message/")))


def _circumstances(message: Message, subject: str) -> Circumstances:
    reply = bool(_REPLY_SUBJECT.match(subject))
    forward = not reply and bool(_FORWARD_SUBJECT.match(subject))
    answers = bool(message_ids(message, "In-Reply-To") or message_ids(message, "References"))
    written_by = {person.address.lower() for name in ("From", "Sender") for person in mailboxes(message, name)}
    sent_to = {person.domain for name in ("To", "Cc", "Delivered-To") for person in mailboxes(message, name)}
    return Circumstances(
        reply=reply or (answers and not forward),
        forward=forward,
        subject=subject,
        correspondents=frozenset((written_by | sent_to) - {""}) if answers else frozenset(),
    )


def _read_text(parts: Parts, circumstances: Circumstances) -> _Text:
    plain = [line for body in parts.bodies for line in _lines(body, prefer_html=False)]
    has_both = any(body.plain and body.html for body in parts.bodies)
    html_only = not any(part.text.strip() for body in parts.bodies for part in body.plain)
    read = _Text(find_new_words(plain, circumstances), join_lines(plain, shown=True), html_only and bool(plain))
    if has_both:
        html = [line for body in parts.bodies for line in _lines(body, prefer_html=True)]
        other = _Text(find_new_words(html, circumstances), join_lines(html, shown=True))
        read = _better(read, other)
    return read if read.full else _read_what_is_left(parts)


def _lines(body: Body, *, prefer_html: bool) -> list[Line]:
    """The lines of one body and an empty one, in the version that is wanted, else in the one that says something."""
    plain = [line for part in body.plain for line in [*lines_of_plain(part), Line("")]]
    if body.html and (prefer_html or not any(not line.blank for line in plain)):
        html = [line for text in body.html for line in [*lines_of_html(text), Line("")]]
        if any(not line.blank for line in html):
            return html
    return plain


def _better(plain: _Text, html: _Text) -> _Text:
    """Which of two versions of one text to believe.

    Plain text, unless it is a stub (some senders put a line of it beside the real mail), or the HTML's own marks show
    quotes that the plain version does not.
    """
    if not html.full:
        return plain
    if not plain.full:
        return html
    words, html_words = _count_words(plain.full), _count_words(html.full)
    if words * 2 < html_words and html_words - words >= 12:
        return html
    if words < _STUB_WORDS and _STUB.search(plain.full):
        return html
    if html.new.marked and html.new.quoted_removed and not plain.new.quoted_removed:
        return html
    if html.new.marked and _count_words(html.new.text) * 10 < _count_words(plain.new.text) * 9:
        return html
    return plain


def _count_words(text: str) -> int:
    return len(_ADDRESS_OF_WEB.sub(" ", text).split())


def _read_what_is_left(parts: Parts) -> _Text:
    """The text of a mail that has none of its own: an invitation's, or that of the mail it passes on."""
    if calendar := _calendar(parts):
        return _as_is(invitation_text(calendar))
    if parts.reports:
        return _as_is("\n\n".join(_report_text(report) for report in parts.reports).strip())
    for inner in parts.returned[:1]:
        inner_parts = take_apart(inner)
        lines = [line for body in inner_parts.bodies for line in _lines(body, prefer_html=False)]
        return _as_is(join_lines(lines, shown=True))
    return _as_is("")


def _adds_words(text: str, parts: Parts) -> bool:
    return bool(parts.calendar_methods) and says_more_than(text, _calendar(parts))


def _calendar(parts: Parts) -> str:
    found = (item.content for item in parts.attachments if item.content_type == "text/calendar")
    return decode_text(next(found, b""))


def _report_text(report: Message) -> str:
    payload = report.get_payload()
    if isinstance(payload, list):
        return "\n".join(part.as_string() for part in payload if isinstance(part, Message))
    return str(payload)


def _as_is(text: str) -> _Text:
    return _Text(NewWords(text, quoted_removed=False), text)


def _read_as_text(raw: bytes) -> ReadMail:
    text = join_lines(lines_of_plain(TextPart("\n".join(split_lines(decode_text(raw))))), shown=True)
    return ReadMail(
        sender=Mailbox(),
        reply_to=None,
        to=(),
        cc=(),
        subject="",
        text=text,
        full_text=text,
        quoted_removed=False,
        html_only=False,
        automatic=False,
        automatic_reason="",
        bounce=False,
        delayed=False,
        bounced_recipient="",
        bounced_message_id="",
        message_id="",
        in_reply_to="",
        references=(),
        thread_index="",
        authentication=Authentication(),
        attachments=(),
    )
