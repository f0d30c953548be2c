"""An answer as the bytes of a mail: in its thread, marked as automatic, known again by a token."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from html import escape
from typing import Any, Final

from agent.errors import BadInput
from channels.mail.automatic import TOKEN_HEADER
from channels.mail.records import Mailbox
from channels.mail.thread_index import continue_thread_index

REFERENCES_MOST: Final = 30
"""The first id of a thread and its newest; RFC 5537, 3.4.4, trims a chain so."""

_ID: Final = re.compile(r"^<[\x21-\x3b\x3d\x3f-\x7e]{1,980}>$")  # RFC 5322, 2.1.1: a line is at most 998 long
_ID_FIELDS: Final = {"references", "in-reply-to", "message-id"}
_ADDRESS: Final = re.compile(
    r"^[\x21\x23-\x27\x2a\x2b\x2d-\x39\x3d\x3f\x41-\x5a\x5e-\x7e]{1,64}@[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?$"
)
_TOKEN: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NOT_OF_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_REPLY_PREFIX: Final = re.compile(
    r"^\s*(?:re|aw|antw?|sv|vs|odp|odpov|ynt|yanıt|cevap|r|rif|res|resp|vá|atb|στ|σχετ|απ|ats|回复|回覆|"
    r"答复|返信|답장|отв|відп|תגובה|رد)\s*(?:\[\d+\]|\(\d+\)|\^\d+)?\s*[:：]\s*",
    re.IGNORECASE,
)
_SUBJECT_LONGEST: Final = 900
_NAME_LONGEST: Final = 200
_LINK: Final = re.compile(r"https?://[^\s<>\"']+")
_AFTER_LINK: Final = ".,;:!?"


class _MailPolicy(EmailPolicy):
    """SMTP's rules, with message ids left whole, one per line: the library would encode those over 78 letters."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() in _ID_FIELDS:
            return f"{name}: " + f"{self.linesep} ".join(str(value).split()) + self.linesep
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() in _ID_FIELDS:
            return self.fold(name, value).encode("ascii")
        folded: bytes = super().fold_binary(name, value)
        return folded


_POLICY: Final = _MailPolicy(linesep=SMTP.linesep, cte_type="7bit", raise_on_defect=False)


def make_message_id(token: str, sender: Mailbox) -> str:
    """The Message-ID of our mail: the same for the same token, so that a second try is the same message."""
    return f"<fte.{_checked_token(token)}@{_checked(sender, 'sender').domain}>"


def token_in(message_id: str) -> str:
    """The token of a Message-ID that we made; empty for any other."""
    found = re.match(r"^<fte\.([A-Za-z0-9][A-Za-z0-9._-]{0,99})@[^@<>]+>$", message_id.strip())
    return found[1] if found else ""


def compose_reply(
    *,
    sender: Mailbox,
    to: Mailbox,
    subject: str,
    text: str,
    token: str,
    sent_at: datetime,
    in_reply_to: str = "",
    references: Sequence[str] = (),
    thread_index: str = "",
    ticket_id: str = "",
    automatic: bool = True,
) -> bytes:
    """The answer to a mail, CRLF, 7 bit.

    `subject`, `in_reply_to`, `references` and `thread_index` are those of the mail that is answered, with its own
    Message-ID for `in_reply_to`. `automatic` is False for a person's answer. `ticket_id` is named under the text
    unless the text names it. The same arguments make the same bytes. Raises BadInput for an address or token that
    cannot stand in a header; what else cannot is left out.
    """
    message = _envelope(sender, to, reply_subject(subject), token, sent_at)
    chain = reference_chain([*references, in_reply_to])
    if chain:
        answered = in_reply_to.strip() if _ID.match(in_reply_to.strip()) else chain[-1]
        message["In-Reply-To"] = answered
        message["References"] = " ".join(chain)
    continued = continue_thread_index(thread_index, sent_at)
    if continued:
        message["Thread-Index"] = continued
    if automatic:
        message["Auto-Submitted"] = "auto-replied"
    return _finish(message, text, token, ticket_id)


def compose_new(
    *, sender: Mailbox, to: Mailbox, subject: str, text: str, token: str, sent_at: datetime, ticket_id: str = ""
) -> bytes:
    """A mail that begins a thread: a confirmation, or the first answer to what came by another channel."""
    message = _envelope(sender, to, _one_line(subject)[:_SUBJECT_LONGEST], token, sent_at)
    message["Auto-Submitted"] = "auto-generated"
    return _finish(message, text, token, ticket_id)


def reply_subject(subject: str) -> str:
    """'Re:' and the subject, without the marks of earlier replies in any language."""
    rest = _one_line(subject)
    while (shorter := _REPLY_PREFIX.sub("", rest, count=1)) != rest:
        rest = shorter
    return f"Re: {rest[:_SUBJECT_LONGEST]}".strip()


def reference_chain(ids: Iterable[str]) -> list[str]:
    """The ids of a thread in order, each once at its last place, without what is no id; the first and the newest."""
    valid = [ident.strip() for ident in ids if _ID.match(ident.strip())]
    ordered = list(dict.fromkeys(reversed(valid)))[::-1]
    if valid and valid[0] in ordered and len(ordered) > REFERENCES_MOST:
        return [ordered[0], *ordered[-(REFERENCES_MOST - 1) :]]
    return ordered[-REFERENCES_MOST:]


def as_html(text: str) -> str:
    """A modest page: paragraphs, lines and links, in the reader's own font, in the direction of each paragraph."""
    paragraphs = [part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]
    blocks = ["<br>\n".join(map(_linked, part.split("\n"))) for part in paragraphs]
    body = "\n".join(f'<p dir="auto">{block}</p>' for block in blocks)
    return f'<!DOCTYPE html>\n<html>\n<head><meta charset="utf-8"></head>\n<body>\n{body}\n</body>\n</html>\n'


def _envelope(sender: Mailbox, to: Mailbox, subject: str, token: str, sent_at: datetime) -> EmailMessage:
    message = EmailMessage(policy=_POLICY)
    message["From"] = _address(sender, "sender")
    message["To"] = _address(to, "to")
    message["Subject"] = subject
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = make_message_id(token, sender)
    return message


def _finish(message: EmailMessage, text: str, token: str, ticket_id: str) -> bytes:
    message["X-Auto-Response-Suppress"] = (
        "All"  # Microsoft's: no absence notes or receipts back (MS-OXCMAIL 2.2.3.2.14)
    )
    message[TOKEN_HEADER] = _checked_token(token)
    body = _NOT_OF_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if ticket_id and ticket_id not in body:
        body = f"{body}\n\nTicket reference: {_one_line(ticket_id)}".strip()
    message.set_content(f"{body}\n", cte="quoted-printable")
    message.add_alternative(as_html(body), subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_fte_{_checked_token(token)[:50]}")
    return message.as_bytes()


def _address(mailbox: Mailbox, field: str) -> Address:
    checked = _checked(mailbox, field)
    name = _one_line(checked.name)[:_NAME_LONGEST].strip()
    return Address(display_name=name, addr_spec=checked.address)


def _checked(mailbox: Mailbox, field: str) -> Mailbox:
    """With an international domain as DNS has it. Raises BadInput."""
    local, _, domain = mailbox.address.strip().rpartition("@")
    try:
        address = f"{local}@{domain.lower() if domain.isascii() else domain.encode('idna').decode('ascii')}"
    except UnicodeError as error:
        raise BadInput(field, "must be an e-mail address like name@example.com") from error
    if not _ADDRESS.match(address) or local.startswith(".") or local.endswith(".") or ".." in address:
        raise BadInput(field, "must be an e-mail address like name@example.com")
    return Mailbox(address, mailbox.name)


def _checked_token(token: str) -> str:
    if not _TOKEN.match(token):
        raise BadInput("token", "must be 1 to 100 ASCII letters, digits, dots, dashes and underscores")
    return token


def _one_line(text: str) -> str:
    return " ".join(_CONTROLS.sub(" ", text).split())


def _linked(line: str) -> str:
    """A line of HTML: escaped, its addresses of pages clickable, its indentation kept."""
    pieces: list[str] = []
    end = 0
    for match in _LINK.finditer(line):
        address = match[0].rstrip(_AFTER_LINK)
        while address.endswith(")") and address.count(")") > address.count("("):
            address = address[:-1].rstrip(_AFTER_LINK)
        pieces += [escape(line[end : match.start()]), f'<a href="{escape(address)}">{escape(address)}</a>']
        end = match.start() + len(address)
    pieces.append(escape(line[end:]))
    linked = "".join(pieces)
    indent = len(linked) - len(linked.lstrip(" "))
    return "&nbsp;" * indent + linked[indent:]
