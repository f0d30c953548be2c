"""The tree of MIME parts: which of them are the mail's text, which are attachments, which report on other mail."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from email.parser import BytesParser
from typing import Final

from channels.mail.charsets import decode_text
from channels.mail.headers import header_text, raw_values
from channels.mail.parameters import parameter, safe_name
from channels.mail.records import MailAttachment
from channels.mail.signed import open_signed, without_pgp_armor
from channels.mail.tnef import read_tnef

_DEEPEST: Final = 40
_MOST_PARTS: Final = 1_000
_REPORTS: Final = {"message/delivery-status", "message/disposition-notification", "message/global-delivery-status",
                   "message/feedback-report", "message/global-disposition-notification"}  # fmt: skip
_TNEF: Final = {"application/ms-tnef", "application/vnd.ms-tnef"}
_SIGNED: Final = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_EXTENSIONS: Final = {
    "application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "text/calendar": ".ics",
    "text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "message/rfc822": ".eml", "application/zip": ".zip",
    "application/pgp-signature": ".asc", "application/pkcs7-signature": ".p7s", "application/json": ".json",
    "image/webp": ".webp", "image/heic": ".heic", "text/vcard": ".vcf", "text/x-vcard": ".vcf",
    "audio/mpeg": ".mp3", "video/mp4": ".mp4", "application/rtf": ".rtf", "text/rtf": ".rtf",
    "application/ms-tnef": ".dat",
}  # fmt: skip
_BODY_BEGINS: Final = re.compile(rb"\r?\n[ \t]*\r?\n|\r\r")
_FIELD: Final = re.compile(rb"[!-9;-~]+:")
_KNOWN_FIELD: Final = re.compile(rb"(?:From|To|Subject|Date|Message-ID|MIME-Version|Content-Type):", re.IGNORECASE)
_SPACE_BEFORE_COLON: Final = re.compile(rb"^([!-9;-~]+)[ \t]+:")
_LIKE_BOUNDARY: Final = re.compile(r"^--([^\r\n\"]{5,70}?)[ \t]*\r?\nContent-", re.MULTILINE | re.IGNORECASE)
_LONGEST_HEADERS: Final = 500_000
_NO_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=]")


@dataclass(frozen=True, slots=True)
class TextPart:
    """One text of a mail. `flowed` and `del_sp` are the parameters of RFC 3676, for plain text."""

    text: str
    flowed: bool = False
    del_sp: bool = False


@dataclass(slots=True)
class Body:
    """The texts of a mail, or of one branch of it. Where the two say the same, both are there."""

    plain: list[TextPart] = field(default_factory=list)
    html: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any(part.text.strip() for part in self.plain) or any(text.strip() for text in self.html)


@dataclass(slots=True)
class Parts:
    """A mail taken apart. `bodies` are shown one after another."""

    bodies: list[Body] = field(default_factory=list)
    attachments: list[MailAttachment] = field(default_factory=list)
    reports: list[Message] = field(default_factory=list)
    """Reports on delivery, reading or abuse: message/delivery-status and its like."""
    returned: list[Message] = field(default_factory=list)
    """Mails inside the mail: forwarded ones, or the one that a bounce returns, be it by its headers alone."""
    calendar_methods: list[str] = field(default_factory=list)


def parse_message(raw: bytes) -> Message:
    """The tree of a mail, however broken: UTF-8's mark, empty lines, a folder's 'From …' before it are left out."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    start = raw.lstrip(b"\r\n \t") if raw[:1] in b"\r\n" else raw
    if b"\n" not in start:
        start = start.replace(b"\r", b"\n")  # an old Macintosh's line ends
    return BytesParser(policy=policy.compat32).parsebytes(_mend_headers(start))


def parse_headers(raw: bytes) -> Message:
    """A mail with all that is under its headers for its text: for a tree that cannot be parsed."""
    message = BytesParser(policy=policy.compat32).parsebytes(raw, headersonly=True)
    del message["Content-Type"]
    del message["Content-Transfer-Encoding"]
    return message


def _mend_headers(raw: bytes) -> bytes:
    """The parser ends the headers at the first line that is none: such a line among headers is made part of the one
    before it, and white space before a colon (RFC 5322, 4.5) goes."""
    end = _BODY_BEGINS.search(raw)
    block = raw[: end.start()] if end else raw
    if len(block) > _LONGEST_HEADERS:
        return raw
    lines = block.splitlines(keepends=True)
    mended = [_SPACE_BEFORE_COLON.sub(rb"\1:", line) for line in lines]
    known = [index for index, line in enumerate(mended) if _KNOWN_FIELD.match(line)]
    for index in range(1, known[-1] if known else 0):
        if not mended[index][:1].isspace() and not _FIELD.match(mended[index]):
            mended[index] = b" " + mended[index]
    return b"".join(mended) + raw[len(block) :]


def take_apart(message: Message) -> Parts:
    """Never raises. At most 1,000 parts, 40 deep, are told apart; what is beyond is one attachment."""
    parts = Parts()
    _walk(message, parts, depth=0)
    return parts


def _walk(message: Message, parts: Parts, depth: int) -> None:
    kind = _kind(message)
    count = len(parts.bodies) + len(parts.attachments)
    if depth > _DEEPEST or count > _MOST_PARTS:
        parts.attachments.append(_attachment(message, parts, kind, message.as_bytes()))
    elif message.is_multipart() and kind.startswith("multipart/"):
        _walk_multipart(message, parts, kind, depth)
    elif kind.startswith("multipart/"):
        _take_unparted(message, parts, depth)
    elif kind in _REPORTS:
        parts.reports.append(message)
    elif kind.startswith("message/") or kind == "text/rfc822-headers":
        _take_message(message, parts, kind)
    elif kind in _TNEF or (kind == "application/octet-stream" and _name(message).lower() == "winmail.dat"):
        _take_tnef(message, parts, kind)
    elif kind in _SIGNED:
        _take_signed(message, parts, kind, depth)
    else:
        _take_leaf(message, parts, kind)


def _walk_multipart(message: Message, parts: Parts, kind: str, depth: int) -> None:
    children = [child for child in message.get_payload() if isinstance(child, Message)]
    if kind == "multipart/alternative":
        _walk_alternative(children, parts, depth)
        return
    for child in children:
        _walk(child, parts, depth + 1)


def _take_unparted(message: Message, parts: Parts, depth: int) -> None:
    """A multipart whose boundary is not the one it states: told apart at what looks like one, else read as text."""
    payload = message.get_payload()
    text = payload if isinstance(payload, str) else ""
    boundary = _LIKE_BOUNDARY.search(text)
    if boundary is None:
        _take_leaf(message, parts, "text/plain")
        return
    content = text.encode("utf-8", errors="surrogateescape")
    head = b'Content-Type: multipart/mixed; boundary="%s"\r\n\r\n' % boundary[1].encode("utf-8", errors="replace")
    mended = BytesParser(policy=policy.compat32).parsebytes(head + content)
    if mended.is_multipart():
        _walk_multipart(mended, parts, _kind(message), depth + 1)
    else:
        _take_leaf(message, parts, "text/plain")


def _walk_alternative(children: list[Message], parts: Parts, depth: int) -> None:
    """One body of all the texts in it: they say the same, and the reader of the mail picks the best."""
    inner = Parts()
    for child in children:
        _walk(child, inner, depth + 1)
    body = Body()
    for found in inner.bodies:
        body.plain += found.plain
        body.html += found.html
    if body.plain or body.html:
        parts.bodies.append(body)
    parts.attachments += inner.attachments
    parts.reports += inner.reports
    parts.returned += inner.returned
    parts.calendar_methods += inner.calendar_methods


def _take_leaf(message: Message, parts: Parts, kind: str) -> None:
    content = _content(message)
    disposition = _disposition(message)
    if kind == "text/calendar":
        parts.calendar_methods.append(_calendar_method(message, content))
    is_text = kind in {
        "text/plain",
        "text/html",
        "text/enriched",
        "text/richtext",
        "text/x-amp-html",
        "text/watch-html",
    }
    named = bool(_name(message))
    if (
        not is_text
        or disposition == "attachment"
        or (named and disposition != "inline" and parts.bodies)
        or (named and disposition == "inline" and any(parts.bodies))
    ):
        parts.attachments.append(_attachment(message, parts, kind, content))
    elif kind in {"text/x-amp-html", "text/watch-html"}:
        return  # a second version of the HTML beside it
    else:
        parts.bodies.append(_body(message, kind, content))


def _body(message: Message, kind: str, content: bytes) -> Body:
    charset = parameter(message, "content-type", "charset")
    if kind == "text/html":
        return Body(html=[decode_text(content, charset or _declared_in(content))])
    text = decode_text(content, charset)
    if kind in {"text/enriched", "text/richtext"}:
        text = re.sub(r"</?[A-Za-z-]{1,60}>", "", text.replace("<<", "<"))
    elif re.match(r"\s*(?:<!doctype html|<html\b)", text, re.IGNORECASE):
        return Body(html=[text])  # HTML that says it is plain
    text = without_pgp_armor(text)
    return Body(
        plain=[
            TextPart(
                text,
                flowed=parameter(message, "content-type", "format").lower() == "flowed",
                del_sp=parameter(message, "content-type", "delsp").lower() == "yes",
            )
        ]
    )


def _take_message(message: Message, parts: Parts, kind: str) -> None:
    payload = message.get_payload()
    inner = next((item for item in payload if isinstance(item, Message)), None) if isinstance(payload, list) else None
    if inner is None:
        inner = BytesParser(policy=policy.compat32).parsebytes(_content(message))
    parts.returned.append(inner)
    if kind in {"message/rfc822", "message/global"}:
        content = inner.as_bytes() if not isinstance(payload, str) else _content(message)
        name = _name(message) or f"{header_text(inner, 'Subject') or 'message'}.eml"
        parts.attachments.append(MailAttachment(safe_name(name), kind, content))


def _take_tnef(message: Message, parts: Parts, kind: str) -> None:
    content = _content(message)
    opened = read_tnef(content)
    if opened is None:
        parts.attachments.append(_attachment(message, parts, kind, content))
        return
    if (opened.text or opened.html) and not any(parts.bodies):
        parts.bodies.append(
            Body(plain=[TextPart(opened.text)] if opened.text else [], html=[opened.html] if opened.html else [])
        )
    for name, inner in opened.attachments:
        number = len(parts.attachments) + 1
        parts.attachments.append(
            MailAttachment(safe_name(name) or f"attachment-{number}", "application/octet-stream", inner)
        )


def _take_signed(message: Message, parts: Parts, kind: str, depth: int) -> None:
    """The mail that the signature is wrapped around; what is encrypted stays a file."""
    inner = open_signed(_content(message))
    if inner is None:
        _take_leaf(message, parts, kind)
    else:
        _walk(parse_message(inner), parts, depth + 1)


def _attachment(message: Message, parts: Parts, kind: str, content: bytes) -> MailAttachment:
    name = safe_name(_name(message)) or f"attachment-{len(parts.attachments) + 1}{_EXTENSIONS.get(kind, '')}"
    inline = _disposition(message) == "inline" or (
        bool(raw_values(message, "content-id")) and _disposition(message) != "attachment"
    )
    return MailAttachment(name, kind, content, inline=inline and kind.startswith("image/"))


def _kind(message: Message) -> str:
    """The type and subtype in lower case; text/plain for none, or for one that is no type."""
    values = raw_values(message, "content-type")
    kind = re.match(r"\s*([\w.+-]+)\s*/\s*([\w.+*-]+)", values[0]) if values else None
    if kind:
        stated = f"{kind[1]}/{kind[2]}".lower()
        return "text/plain" if stated in {"application/plain", "plain/text"} else stated
    stated = values[0].split(";")[0].strip().lower() if values else ""
    if stated in {"html", "text"}:
        return "text/html" if stated == "html" else "text/plain"
    return message.get_default_type()


def _content(message: Message) -> bytes:
    """The bytes of a part, decoded by its transfer encoding; as they stand where that makes no sense."""
    if message.is_multipart():
        return message.as_bytes()
    if _kind(message).startswith("text/") and _encoding(message) == "base64":
        return _from_base64(str(message.get_payload()).encode("utf-8", errors="surrogateescape"))
    payload = message.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _encoding(message: Message) -> str:
    return header_text(message, "Content-Transfer-Encoding").strip().lower()


def _from_base64(content: bytes) -> bytes:
    """Text in base64, though it was cut off, lost a letter, or was encoded in pieces. From the first line on that is
    none, such as the footer that a server adds or words that were never encoded, it stands as it is."""
    try:
        return base64.b64decode(b"".join(content.split()), validate=True)
    except binascii.Error:
        return _from_damaged_base64(content)


def _from_damaged_base64(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    count = next((index for index, line in enumerate(lines) if not _is_base64(line)), len(lines))
    while count and not lines[count - 1].strip():
        count -= 1
    encoded = _NO_BASE64.sub(b"", b"".join(lines[:count]))
    decoded = b"".join(_decode_piece(piece) for piece in encoded.split(b"=") if piece)
    if not decoded or (len(encoded) % 4 == 1 and not _is_plain(decoded)):
        return content  # a word that was never encoded has such letters too
    rest = b"".join(lines[count:])
    return decoded + b"\r\n" + rest if rest.strip() else decoded


def _is_base64(line: bytes) -> bool:
    """A damaged line counts, words with spaces between them do not."""
    letters = line.strip()
    return len(letters.split()) < 2 and 10 * len(_NO_BASE64.sub(b"", letters)) >= 9 * len(letters)


def _decode_piece(letters: bytes) -> bytes:
    whole = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(whole + b"=" * (-len(whole) % 4))


def _is_plain(content: bytes) -> bool:
    try:
        return bool(content) and not re.search(r"[\x00-\x08\x0e-\x1f]", content.decode())
    except UnicodeDecodeError:
        return False


def _disposition(message: Message) -> str:
    values = raw_values(message, "content-disposition")
    return values[0].split(";")[0].strip().lower() if values else ""


def _name(message: Message) -> str:
    return parameter(message, "content-disposition", "filename") or parameter(message, "content-type", "name")


def _declared_in(content: bytes) -> str:
    """The charset that HTML states about itself."""
    stated = re.search(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{2,40})", content[:4096], re.IGNORECASE)
    return stated[1].decode("ascii") if stated else ""


def _calendar_method(message: Message, content: bytes) -> str:
    stated = parameter(message, "content-type", "method")
    found = re.search(rb"^METHOD:([A-Z-]+)", content, re.MULTILINE | re.IGNORECASE)
    return (stated or (found[1].decode("ascii") if found else "")).upper()
