"""Header fields as mails have them, not as they should be: encoded words, bare 8-bit bytes, broken addresses."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from email.message import Message
from email.utils import getaddresses
from typing import Final

from channels.mail.charsets import decode_text
from channels.mail.records import Mailbox

_ENCODED_WORD: Final = re.compile(r"=\?([^?\s]{1,60}?)(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS: Final = re.compile(r"^[ \t\r\n]*$")
_FOLD: Final = re.compile(r"\r?\n[ \t]*|\r")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_COMMENT: Final = re.compile(r"\([^()]*\)")
_LAST_ANGLE: Final = re.compile(r"<([^<>]*)>[^<>@]*$")
_BARE_ADDRESS: Final = re.compile(r"[^\s<>()\[\]\",;:@]+@[^\s<>()\[\]\",;:@]+")
_ANGLE_ID: Final = re.compile(r"<([^<>]{1,990})>")
_LONGEST_FIELD: Final = 100_000


def header_text(message: Message, name: str) -> str:
    """The first field of that name, unfolded, encoded words decoded, on one line; empty without one."""
    values = raw_values(message, name)
    return _one_line(decode_words(values[0])) if values else ""


def raw_values(message: Message, name: str) -> list[str]:
    """Each field of that name, topmost first, unfolded; 8-bit bytes as their text."""
    wanted = name.lower()
    found = []
    for field, value in message.raw_items():
        if field.lower().strip() == wanted:
            found.append(_FOLD.sub(" ", _as_text(value))[:_LONGEST_FIELD].strip())
    return found


def decode_words(value: str) -> str:
    """Encoded words of RFC 2047 to text, wherever they stand. Neighbours in one charset are decoded as one."""
    pieces: list[str] = []
    pending: tuple[str, bytes] | None = None
    end = 0
    for match in _ENCODED_WORD.finditer(value):
        between = value[end : match.start()]
        content = _decode_word(match[2], match[3])
        if content is None:
            continue
        charset = match[1].lower()
        joined = pending is not None and bool(_BETWEEN_WORDS.match(between))
        if pending is not None and joined and pending[0] == charset and not charset.startswith("iso-2022"):
            pending = (charset, pending[1] + content)
        else:
            if pending is not None:
                pieces.append(decode_text(pending[1], pending[0]))
            if not joined:
                pieces.append(between)
            pending = (charset, content)
        end = match.end()
    if pending is not None:
        pieces.append(decode_text(pending[1], pending[0]))
    pieces.append(value[end:])
    return "".join(pieces)


def mailboxes(message: Message, name: str) -> tuple[Mailbox, ...]:
    """The addresses of all fields of that name; what holds no address is left out."""
    found: list[Mailbox] = []
    for value in raw_values(message, name):
        found += _mailboxes_of(value)
    return tuple(found)


def message_ids(message: Message, name: str) -> tuple[str, ...]:
    """The ids of all fields of that name, in order, each once, in angle brackets."""
    found: list[str] = []
    for value in raw_values(message, name):
        in_brackets = [f"<{''.join(_COMMENT.sub('', match).split())}>" for match in _ANGLE_ID.findall(value)]
        found += in_brackets or [f"<{word.strip('<>,;')}>" for word in value.split() if "@" in word]
    return tuple(dict.fromkeys(ident for ident in found if len(ident) > 2))


def first_id(message: Message, name: str) -> str:
    """The first id of that field; of a Message-ID without brackets, or without an @, what stands there."""
    ids = message_ids(message, name)
    if ids:
        return ids[0]
    values = [value for value in raw_values(message, name) if value]
    word = values[0].split()[0].strip("<>") if values else ""
    return f"<{word}>" if word and name.lower() == "message-id" else ""


def _mailboxes_of(value: str) -> list[Mailbox]:
    only = _single(value)
    if only is not None:
        return [only]
    found = []
    for name, address in getaddresses([value]):
        bare = _BARE_ADDRESS.search(address)
        if bare:
            found.append(Mailbox(bare[0], _clean_name(name)))
    if not found:
        found = [Mailbox(address) for address in _BARE_ADDRESS.findall(decode_words(value))[:1]]
    return found


def _single(value: str) -> Mailbox | None:
    """The usual field: one address in angle brackets, whatever stands before it. None for anything else."""
    angle = _LAST_ANGLE.search(value)
    if angle is None or value.count("<") != 1:
        return None
    before = re.sub(r'"(?:[^"\\]|\\.)*"', "", value[: angle.start()])
    if "," in before and "@" in before:
        return None
    address = "".join(_COMMENT.sub("", angle[1]).split())
    return Mailbox(address, _clean_name(value[: angle.start()])) if "@" in address else None


def _clean_name(name: str) -> str:
    text = _one_line(decode_words(name.strip()))
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return re.sub(r"\\(.)", r"\1", text).strip().strip('"')


def _one_line(text: str) -> str:
    return " ".join(_CONTROLS.sub(" ", text.replace("\n", " ").replace("\t", " ")).split())


def _decode_word(encoding: str, content: str) -> bytes | None:
    raw = content.encode("utf-8", errors="replace")
    if encoding in "bB":
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
        try:
            return base64.b64decode(letters + b"=" * (-len(letters) % 4))
        except (binascii.Error, ValueError):
            return base64.b64decode(letters[: len(letters) // 4 * 4])
    return quopri.decodestring(raw, header=True)


def _as_text(value: str) -> str:
    """A field as the parser has it: bytes beyond ASCII come as surrogates."""
    return value if value.isascii() else decode_text(value.encode("utf-8", errors="surrogateescape"))
