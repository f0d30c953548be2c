"""Parameters of structured header fields, such as the name of an attachment, as mail programs really write them."""

from __future__ import annotations

import re
from email.message import Message
from typing import Final
from urllib.parse import unquote_to_bytes

from channels.mail.charsets import decode_text
from channels.mail.headers import decode_words, raw_values

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]')
_NAME_MAX: Final = 150
_RFC_2231: Final = re.compile(r"^(?P<name>[^*=\s]+)\*(?P<number>\d{1,3})?(?P<encoded>\*)?$")


def parameter(message: Message, header: str, wanted: str) -> str:
    """A parameter of a structured field: plain, quoted, in pieces (RFC 2231) or, against the rules, encoded words."""
    values = raw_values(message, header)
    pieces: list[tuple[int, bool, str]] = []
    for name, value in _parameters(values[0]) if values else []:
        if name == wanted:
            return decode_words(value)
        numbered = _RFC_2231.match(name)
        if numbered and numbered["name"] == wanted:
            pieces.append((int(numbered["number"] or 0), bool(numbered["encoded"]) or not numbered["number"], value))
    if not pieces:
        return ""
    pieces.sort(key=lambda piece: piece[0])
    charset, content = "", b""
    for index, (_, encoded, value) in enumerate(pieces):
        if index == 0 and encoded and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        content += unquote_to_bytes(value) if encoded else value.encode("utf-8", errors="replace")
    return decode_text(content, charset)


def _parameters(value: str) -> list[tuple[str, str]]:
    found = []
    for match in re.finditer(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', value):
        stated = match[2].strip()
        if stated.startswith('"'):
            stated = re.sub(r"\\([\"\\])", r"\1", stated[1:].removesuffix('"'))
        found.append((match[1].lower(), stated))
    return found


def safe_name(name: str) -> str:
    """A name without a path, control, direction or reserved characters, at most 150 long; empty for no name."""
    last = re.split(r"[/\\]", name.strip().strip('"'))[-1]
    text = " ".join(_UNSAFE.sub(" ", last).split()).strip(". ")
    if len(text) <= _NAME_MAX:
        return text
    stem, dot, extension = text.rpartition(".")
    return f"{stem[: _NAME_MAX - 1 - len(extension)]}.{extension}" if dot and len(extension) < 12 else text[:_NAME_MAX]
