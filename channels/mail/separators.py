"""Where a quoted mail begins: "On … wrote:", blocks of headers, "-----Original Message-----" and their kin.

A line counts only with evidence beyond its words: a date, a time, an address, further header lines. What a customer
writes ("On Monday I called: nobody answered", "From: Berlin") has none, or too little.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from channels.mail import languages
from channels.mail.lines import Line, Mark


class Kind(Enum):
    ATTRIBUTION = 1
    """The line over a quote that follows it marked as such, or, with `sure`, unmarked to the end."""
    HEADERS = 2
    ORIGINAL = 3
    REPLY_ABOVE = 4
    FORWARD = 5


@dataclass(frozen=True, slots=True)
class Separator:
    kind: Kind
    length: int
    """How many lines it takes."""
    sure: bool = True


def _any_of(words: Iterable[str], *, escaped: bool = True) -> str:
    by_length = sorted(set(words), key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\ ", r"\s+") if escaped else word for word in by_length)


_LABELS: Final = {
    word.casefold(): name
    for name, words in (
        ("other", languages.OTHER),
        ("to", languages.TO),
        ("date", languages.DATE),
        ("subject", languages.SUBJECT),
        ("from", languages.FROM),
    )
    for word in words
}
_LABEL: Final = re.compile(r"^[\s*_|•]*(?P<label>[^\W\d_][^:：*_<>@]{0,30}?)[\s*_]*[:：][\s*_]*(?P<value>.*)$")
_ADDRESS: Final = re.compile(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+\.[^\s<>()\[\]\",;:]+")
_MARKED_ADDRESS: Final = re.compile(r"[<(\[«]\s*(?:mailto:)?[^\s<>()\[\]\"]{1,200}@[^\s<>()\[\]\"]{1,250}\s*[>)\]»]?")
_TIME: Final = re.compile(
    r"(?<!\d)\d{1,2}\s?(?:[:.h時时点]|시)\s?\d{2}(?!\d)|\d{1,2}\s?(?:[ap]\.?\s?m\b|Uhr|時|时|시)", re.IGNORECASE
)
_YEAR: Final = re.compile(r"(?<!\d)(?:19|20|25)\d\d(?!\d)")
_DAY: Final = re.compile(
    r"(?<!\d)\d{1,4}\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{1,4}(?!\d)|(?<!\d)\d{1,2}(?:st|nd|rd|th|er|º|°|\.|"
    r",)?(?:\s+de)?\s+[^\W\d_]{3,12}|[^\W\d_]{3,12}\.?\s+\d{1,2}(?!\d)|\d{1,2}\s?[月월]"
)
_VERB: Final = re.compile(
    rf"(?:^|[\s\W\d])(?:{_any_of(languages.VERBS, escaped=False)})(?!\w)|(?:作成|のメール|작성|쓴 글|"
    rf"님이 작성|님이 쓴|写道|寫道|书写)",
    re.IGNORECASE,
)
_OPENING: Final = re.compile(rf"^(?:{_any_of(languages.OPENINGS)})(?=[\s\d,:]|[^\x00-\x7f])", re.IGNORECASE)
_PRONOUN: Final = re.compile(
    r"\b(?:I|we|you|he|she|they|it|someone|somebody|your (?:\w+ ){1,3}|ich|wir|sie|du|je|nous|vous|yo|"
    r"io|ik|jag|jeg|minä|я|вы|мы|ja)"
    r"\s+(?:wrote|have written|had written|said|sent|schrieb|schrieben|habe|haben|avons|ai|schreef|"
    r"skrev|kirjoitin|писал|писали|написал|написали|napisał\w*)\b",
    re.IGNORECASE,
)
_ATTRIBUTION_LINES: Final = 5
_ATTRIBUTION_LONGEST: Final = 500
_ENDS: Final = re.compile(r"[:：]\s*\W{0,3}$")
_RULE: Final = re.compile(r"^[\s*]*(?:[_-]{5,}|[–—=‐-―─━]{5,})[\s*]*$")
_DASHES: Final = r"[-–—‐-―─━_=*]"
_ORIGINAL: Final = re.compile(
    rf"^\W*{_DASHES}{{2,}}[\s>]*(?:{_any_of(languages.ORIGINAL_MESSAGE)})\s*:?\s*(?:{_DASHES}{{2,}}\W*)?$",
    re.IGNORECASE,
)
_ORIGINAL_RUN_ON: Final = re.compile(
    rf"^\s*{_DASHES}{{4,}}\s*(?:{_any_of(languages.ORIGINAL_MESSAGE)})\s*{_DASHES}{{4,}}\s*"
    rf"(?:{_any_of(languages.FROM)})\s?:.{{0,300}}@",
    re.IGNORECASE,
)
"""Samsung's program for telephones writes the headers behind it, on one line."""
_DAVID: Final = re.compile(r"^\W{0,3}original message processed by david", re.IGNORECASE)
_DASHED_WORDS: Final = re.compile(rf"^\W*{_DASHES}{{3,}}\s*[^\W\d_][^\n]{{1,50}}?\s*{_DASHES}{{3,}}\W*$")
_ORIGINAL_BARE: Final = re.compile(rf"^(?:{_any_of(languages.ORIGINAL_MESSAGE)})\s*[:：]$", re.IGNORECASE)
_FORWARD: Final = re.compile(
    rf"^\W*(?:{_DASHES}{{2,}}\s*(?:{_any_of(languages.FORWARDED_MESSAGE)})[^\n]{{0,120}}|"
    rf"(?:{_any_of(languages.FORWARDED_MESSAGE)})\s*[:：])\W*$",
    re.IGNORECASE,
)
_REPLY_ABOVE: Final = re.compile(rf"^\W{{0,12}}(?:{_any_of(languages.REPLY_ABOVE)})\b[^\n]{{0,80}}$", re.IGNORECASE)
_DASHED_WROTE: Final = re.compile(
    rf"^-{{2,}}\s*(?P<who>.{{3,250}}?)\s*(?:{_any_of(languages.VERBS, escaped=False)})\s*:?\s*-{{2,}}$", re.IGNORECASE
)
_QUOTING: Final = re.compile(
    r"^(?:Quoting|Zitat von|Zitiere|Citando(?: a)?|Citation de|Citace|Citat från|Citeren|Cytowanie|"
    r"Quotando|Citerar|In (?:message|article) <)\s*.{2,200}[:：]$",
    re.IGNORECASE,
)
_HEADER_LINES: Final = 16
_FOREIGN_LINES: Final = 4
_ANGLES: Final = 3
_ANSWER_MARK: Final = re.compile(r"^(?:[^\W\d_]{1,12}\s*(?:\[\d+\]|\(\d+\))?\s*[:：]\s*)+")
_CONTINUATIONS: Final = 4


def find_separator(lines: Sequence[Line], index: int, *, after_rule: bool, subject: str = "") -> Separator | None:
    """The separator that begins at this line, at the depth of the line; None for a line of somebody's text.

    `subject` is the mail's own: a block of headers in a language that is not known here repeats it.
    """
    text = lines[index].text.strip()
    if not text or len(text) > _ATTRIBUTION_LONGEST:
        return None
    if _REPLY_ABOVE.match(text):
        return Separator(Kind.REPLY_ABOVE, 1)
    if _FORWARD.match(text):
        return Separator(Kind.FORWARD, 1)
    if (
        _DAVID.match(text)
        or _ORIGINAL.match(text)
        or _ORIGINAL_RUN_ON.match(text)
        or (_ORIGINAL_BARE.match(text) and _headers_at(lines, index + 1, after_rule=True))
    ):
        return Separator(Kind.ORIGINAL, 1)
    if _RULE.match(text) or _DASHED_WORDS.match(text):
        follows = _next_text(lines, index + 1)
        headers = _headers_at(lines, follows, after_rule=True) if follows is not None else 0
        if follows is not None and headers:
            return Separator(Kind.HEADERS, follows - index + headers)
    headers = _headers_at(lines, index, after_rule=after_rule) or _foreign_headers_at(lines, index, subject)
    if headers:
        return Separator(Kind.HEADERS, headers)
    return _attribution_at(lines, index)


def names_other_subject(lines: Sequence[Line], subject: str) -> bool:
    """Whether a block of headers is of a mail about something else: pasted, as a log or somebody's question."""
    stated = next(
        (match for line in lines if label_of(line.text) == "subject" and (match := _LABEL.match(line.text))), None
    )
    return stated is not None and bool(subject) and _without_marks(stated["value"]) != _without_marks(subject)


def names_stranger(lines: Sequence[Line], correspondents: frozenset[str]) -> bool:
    """Whether a block of headers gives the address of an author who is none of these addresses and domains."""
    stated = next((line.text for line in lines if label_of(line.text) == "from"), "")
    authors = {address.lower().strip("'") for address in _ADDRESS.findall(stated)}
    known = correspondents & (authors | {address.rpartition("@")[2] for address in authors})
    return bool(correspondents and authors) and not known


def is_angled_attribution(line: Line) -> bool:
    """GroupWise's '>>> Ada Sample <ada@example.com> 05.05.2025 10:12 >>>', which is no quote itself."""
    if line.depth != _ANGLES or not line.text:
        return False
    text = _plain(line.text.rstrip("> "))
    dated = bool(_YEAR.search(text) or _DAY.search(text)) and bool(_TIME.search(text))
    return dated and bool(_MARKED_ADDRESS.search(text)) and line.text.rstrip()[-1:] in {">", ":"}


def label_of(text: str) -> str | None:
    """Which header a line like 'Gesendet: …' states: from, date, to, subject or other."""
    match = _LABEL.match(text)
    if match is None:
        return None
    words = match["label"].split()
    # '日　期': Chinese programs set labels to one width.
    return _LABELS.get(" ".join(words).casefold()) or (None if text.isascii() else _LABELS.get("".join(words)))


def _headers_at(lines: Sequence[Line], index: int, *, after_rule: bool) -> int:
    """How many lines the block of headers takes that begins here; 0 for none.

    A block states who wrote, and two of when, to whom and about what; with an address or a subject among it. Under
    a rule two headers are enough.
    """
    if index >= len(lines) or label_of(lines[index].text) is None:
        return 0
    depth = lines[index].depth
    found: set[str] = set()
    end = position = index
    unlabelled = blanks = 0
    while position < len(lines) and position - index < _HEADER_LINES and lines[position].depth == depth:
        text = lines[position].text
        label = label_of(text)
        if label is not None and not (label in found and label == "from"):
            found.add(label)
            end = position + 1
            unlabelled = blanks = 0
        elif not text.strip():
            blanks += 1
            if blanks > 1 or ({"from", "subject"} <= found and len(found) >= 3):
                break
        else:
            unlabelled += 1
            if unlabelled > _CONTINUATIONS or (blanks and unlabelled > 1):
                break
        position += 1
    block = " ".join(line.text[:_ATTRIBUTION_LONGEST] for line in lines[index:end])
    others = found & {"date", "to", "subject"}
    proven = "subject" in found or bool(_ADDRESS.search(block))
    if "from" in found and proven and (len(others) >= 2 or (after_rule and others)):
        return end - index
    return 0


def _foreign_headers_at(lines: Sequence[Line], index: int, subject: str) -> int:
    """How many lines a block of headers takes in a language that nobody listed; 0 for none.

    Four labelled lines one after another, an address in the first, a time in another, and the mail's own subject.
    """
    if not subject or not _ADDRESS.search(lines[index].text):
        return 0
    wanted = _without_marks(subject)
    if not wanted:
        return 0
    end, timed, repeated = index, False, False
    while end < len(lines) and end - index < _HEADER_LINES and lines[end].depth == lines[index].depth:
        label = _LABEL.match(lines[end].text)
        if label is None:
            break
        value = _ascii_digits(label["value"])
        timed = timed or bool(_TIME.search(value))
        repeated = repeated or (end > index and _without_marks(label["value"]) == wanted)
        end += 1
    return end - index if timed and repeated and end - index >= _FOREIGN_LINES else 0


def _without_marks(subject: str) -> str:
    """A subject as it was before anybody answered."""
    return " ".join(_ANSWER_MARK.sub("", subject.strip(" *_")).split()).casefold()


def _attribution_at(lines: Sequence[Line], index: int) -> Separator | None:
    """'On … wrote:' over up to five lines, the shortest that reads as one."""
    whole = _as_attribution(lines, index)
    if whole is None or whole.length == 1 or _OPENING.match(_plain(lines[index].text)):
        return whole
    later = _as_attribution(lines, index + 1)
    ends_there = later is not None and later.length == whole.length - 1
    return None if later is not None and ends_there and later.sure >= whole.sure else whole


def _as_attribution(lines: Sequence[Line], index: int) -> Separator | None:
    text = ""
    for length in range(1, _ATTRIBUTION_LINES + 1):
        if index + length > len(lines):
            return None
        line = lines[index + length - 1]
        if line.blank or line.depth != lines[index].depth or line.mark is Mark.QUOTE_BEGINS:
            return None
        text = f"{text} {_plain(line.text)}".strip()
        if len(text) > _ATTRIBUTION_LONGEST:
            return None
        sure = _reads_as_attribution(text)
        if sure is not None:
            return Separator(Kind.ATTRIBUTION, length, sure)
    return None


def _reads_as_attribution(text: str) -> bool | None:
    """Whether a text is the line over a quote: True for surely, False for only where a marked quote follows."""
    dashed = _DASHED_WROTE.match(text)
    if dashed:
        return not _PRONOUN.search(text)
    text = re.sub(r"^-{1,5}\s*", "", text)
    runs_on = _RUNS_ON.match(text)
    if runs_on:
        return True if _OPENING.match(text) and _YEAR.search(runs_on[1]) and _TIME.search(runs_on[1]) else None
    if not _ENDS.search(text):
        return True if _reads_as_unended(text) else None
    bare = _DATED_ADDRESS.match(text)
    if bare and _YEAR.search(bare["when"]) and _TIME.search(bare["when"]):
        return True
    address = _MARKED_ADDRESS.search(text)
    dated, timed = bool(_YEAR.search(text) or _DAY.search(text)), bool(_TIME.search(text))
    verb = _VERB.search(text)
    ends_in_verb = verb is not None and len(text) - max(match.end() for match in _VERB.finditer(text)) <= _AFTER_VERB
    opening = _OPENING.match(text) is not None
    if _QUOTING.match(text):
        return address is not None
    if address and dated and timed:
        return len(text) < 300
    if address and (dated or timed) and (ends_in_verb or opening):
        return True
    if ends_in_verb and dated and timed:
        return not _PRONOUN.search(text) and (opening or text[:1].isdigit())
    if ends_in_verb and (address or (dated and opening)):
        return False
    return False if verb is not None and ends_in_verb and len(text) < 100 else None


def _reads_as_unended(text: str) -> bool:
    """The few clients that end the line without a colon: Gmail of old outside English, Zoho."""
    if _GMAIL_DATE.match(text):
        return True
    if "@" not in text or not _YEAR.search(text):
        return False
    verb = next(iter(reversed(list(_VERB.finditer(text)))), None)
    complete = _OPENING.match(text) and _MARKED_ADDRESS.search(text) and _YEAR.search(text) and _TIME.search(text)
    return bool(verb and verb.end() == len(text) and complete)


_RUNS_ON: Final = re.compile(
    rf"^(.{{10,300}}?<[^<>\s]+@[^<>\s]+>\s*(?:{_any_of(languages.VERBS, escaped=False)})\s?[:：])\s{{2,}}\S",
    re.IGNORECASE,
)
"""Yahoo's program for telephones puts the quoted words behind the line over them, and marks nothing."""
_GMAIL_DATE: Final = re.compile(
    r"^(?:\d{4}-\d\d-\d\d \d{1,2}:\d\d GMT[+-]\d\d:\d\d \S.{0,200}|\d{4}/\d{1,2}/\d{1,2} .{0,200}<[^<>\s]+@[^<>\s]+>)$"
)
_DATED_ADDRESS: Final = re.compile(
    rf"^(?P<when>(?:[^\W\d_]{{3,12}}[.,]?\s){{0,2}}\d[^@<>]{{8,40}}?)\s(?:by|von|de|da|door|av|af|fra|od|par|por|przez|от|від)\s"
    rf"{_ADDRESS.pattern}\s?[:：]$",
    re.IGNORECASE,
)
"""Tuta names the address alone: '5 May 2025, 10:12 by ada@example.com:'."""
_AFTER_VERB: Final = 90
"""German and Dutch name the writer after the verb."""


def _plain(text: str) -> str:
    """Without the emphasis that HTML leaves behind in plain text."""
    return _ascii_digits(re.sub(r"[*_]{1,2}(?=\S)|(?<=\S)[*_]{1,2}", "", text).strip())


def _ascii_digits(text: str) -> str:
    """The digits of every script as those of dates that are looked for."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.digit(letter, letter)) if letter.isdecimal() else letter for letter in text)


def _next_text(lines: Sequence[Line], index: int) -> int | None:
    for position in range(index, min(index + 4, len(lines))):
        if not lines[position].blank:
            return position
    return None
