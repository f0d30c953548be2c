"""The lines of a mail's text, each with how deep it is quoted: the one shape that plain text and HTML come to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from channels.mail.parts import TextPart


class Mark(Enum):
    """What the HTML around a line says about it, beyond its depth."""

    NONE = 0
    RULE = 1
    """A horizontal rule stood here."""
    ATTRIBUTION = 2
    """Its client calls it the line over a quote."""
    QUOTE_BEGINS = 3
    """Its client begins the quoted mail here; what follows is that mail, to the end."""
    QUOTED = 4
    """Its client calls it a quote."""
    SIGNATURE = 5
    """Its client calls it a signature."""
    DELIMITER = 6
    """'-- ' with its space, which begins a signature (RFC 3676, 4.3)."""


@dataclass(frozen=True, slots=True)
class Line:
    """`text` is without quote marks; `shown` as the mail shows it. `depth` counts the quotes around it."""

    text: str
    depth: int = 0
    mark: Mark = Mark.NONE
    shown: str = ""

    @property
    def blank(self) -> bool:
        return not self.text


_LINE_ENDS: Final = re.compile(r"\r\n|[\r\n\x85\u2028\u2029\x0b\x0c]")
_INVISIBLE: Final = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff\u00ad\u200b\u2060\ufeff\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_SPACES: Final = re.compile(r"[\u00a0\u2000-\u200a\u202f\u205f\u3000]")
_QUOTE_MARKS: Final = re.compile(r"^(?:[ \t]{0,3}>(?=[> \t]|[^>]|$))+ ?")
_OPEN_ANGLE: Final = re.compile(r"<[^<>]{0,300}$")
_CLOSES_ANGLE: Final = re.compile(r"^>[^<>]{0,60}[:：]\s*$")
_LONGEST_LINE: Final = 20_000


def lines_of_plain(part: TextPart) -> list[Line]:
    """The lines of plain text; those of format=flowed (RFC 3676) joined to paragraphs."""
    raw = split_lines(part.text)
    if part.flowed:
        raw = _unflow(raw, del_sp=part.del_sp)
    shown = (clean(line) for line in _with_own_from(_with_closed_angles(raw)))
    return [line_of(line.rstrip(), mark=Mark.DELIMITER if line == "-- " else Mark.NONE) for line in shown]


def split_lines(text: str) -> list[str]:
    return _LINE_ENDS.split(text)


def clean(text: str) -> str:
    """Without what cannot be seen, every space a plain one, in one form of Unicode."""
    return unicodedata.normalize("NFC", _SPACES.sub(" ", _INVISIBLE.sub("", text)))


def join_lines(lines: Iterable[Line], *, shown: bool = False) -> str:
    """Their text, at most one empty line between two, none around."""
    text = "\n".join((line.shown or line.text) if shown else line.text for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def has_words(lines: Iterable[Line]) -> bool:
    return any(line.text.strip() for line in lines)


def line_of(shown: str, depth: int = 0, mark: Mark = Mark.NONE) -> Line:
    """A clean line, its marks of quoting ('>') taken off and counted."""
    marks = _QUOTE_MARKS.match(shown)
    if marks is None:
        return Line(shown, depth, mark, shown)
    return Line(shown[marks.end() :], depth + marks[0].count(">"), mark, shown)


def _with_closed_angles(lines: Sequence[str]) -> list[str]:
    """'… <name@example.com' over '>:' is one line that was wrapped, not a quote."""
    joined: list[str] = []
    for line in lines:
        if joined and _CLOSES_ANGLE.match(line) and _OPEN_ANGLE.search(joined[-1]) and joined[-1][:1] != ">":
            joined[-1] = joined[-1].rstrip() + line
        else:
            joined.append(line)
    return joined


def _with_own_from(lines: Sequence[str]) -> list[str]:
    """'>From here on' among lines that are no quote is a mail server's: it marks a line that begins with 'From '."""
    quoted = [False, *(line.startswith(">") for line in lines), False]
    return [
        line[1:] if line.startswith(">From ") and not (quoted[index] or quoted[index + 2]) else line
        for index, line in enumerate(lines)
    ]


def _unflow(lines: Sequence[str], *, del_sp: bool) -> list[str]:
    """RFC 3676, 4.2 to 4.6: a line that ends in a space goes on in the next of its depth; '-- ' never does."""
    joined: list[str] = []
    flowing = False
    depth_before = 0
    for line in lines:
        marks = re.match(r">*", line)
        depth = marks.end() if marks else 0
        content = line[depth:].removeprefix(" ")
        fixed = not content.endswith(" ") or content == "-- "
        if flowing and depth == depth_before and content != "-- " and len(joined[-1]) < _LONGEST_LINE:
            joined[-1] += content
        else:
            joined.append(f"{'>' * depth} {content}" if depth else content)
        flowing = not fixed
        if flowing and del_sp:
            joined[-1] = joined[-1][:-1]
        depth_before = depth
    return joined
