"""A customer's new words, found among what the mail quotes.

The rules, in order, are in docs/reference/mail.md. Two hold whatever comes: a mail that says anything never reads as
empty, and a line is dropped only for a reason that is written here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from channels.mail.lines import Line, Mark, has_words, join_lines
from channels.mail.separators import (
    Kind,
    find_separator,
    is_angled_attribution,
    label_of,
    names_other_subject,
    names_stranger,
)
from channels.mail.signatures import without_signature

_BELOW: Final = re.compile(
    r"\b(?:below|following|forward(?:ed|ing)?|unten|folgende\w*|weitergeleitete\w*|ci-dessous|suivante?s?|abajo|siguientes?|"
    r"qui sotto|seguente|abaixo|seguintes?|hieronder|onderstaand\w*|nedan|nedenfor|nedenstående|poniż\w+|níže|ниже)\b",
    re.IGNORECASE,
)
_WRAPPED_AT: Final = 60
_TAIL_LONGEST: Final = 45
_FEW_QUOTES: Final = 3
_MOST_LINES: Final = 20_000
"""What is beyond is the customer's without being looked at: a log, not a letter."""


@dataclass(frozen=True, slots=True)
class NewWords:
    text: str
    quoted_removed: bool
    marked: bool = False
    """The mail's own marks (elements of its client, '>') said what is quoted, not wording alone."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the mail's headers say about its text."""

    reply: bool = False
    forward: bool = False
    subject: str = ""
    correspondents: frozenset[str] = frozenset()
    """Whom an answer names, in lower case: its author's address, and the domains of who gets it. Whoever is answered is
    of them. Empty where the mail does not say which one it answers."""


def find_new_words(lines: Sequence[Line], circumstances: Circumstances) -> NewWords:
    """What was newly written. All of it, where nothing would be left."""
    everything = join_lines(lines, shown=True)
    own, marked = _own(lines, circumstances)
    removed = any(not mine and lines[index].text.strip() for index, mine in enumerate(own))
    if not has_words(line for line, mine in zip(lines, own, strict=True) if mine):
        return NewWords(everything, quoted_removed=False)
    runs = _runs(lines, own)
    kept = [line for run in runs for line in [*without_signature(run, alone=_is_alone(run, runs)), Line("")]]
    if not has_words(kept):
        if removed:
            return NewWords(everything, quoted_removed=False)
        kept = [line for line, mine in zip(lines, own, strict=True) if mine]
    return NewWords(join_lines(kept, shown=True), quoted_removed=removed, marked=marked)


def _is_alone(run: list[Line], runs: list[list[Line]]) -> bool:
    """Whether no other piece says anything: then this one is no mere signature."""
    return not any(has_words(other) for other in runs if other is not run)


def _own(lines: Sequence[Line], circumstances: Circumstances) -> tuple[list[bool], bool]:
    """For each line, whether it is the customer's; and whether marks decided.

    What introduces a quote at the very top leaves nothing of the customer's above it: then only what is marked as
    quoted under it is, for the customer wrote below, or among it.
    """
    own = [True] * len(lines)
    marked = introduced = False
    index = 0
    while index < min(len(lines), _MOST_LINES):
        line = lines[index]
        if _begins_unmarked(lines, index, circumstances):
            own[index:] = [False] * (len(lines) - index)
            return own, True
        if line.depth:
            own[index] = False
            marked = True
            introduced = introduced or line.mark is Mark.QUOTED
        elif line.mark is Mark.ATTRIBUTION and not line.blank:
            own[index] = False
            marked = introduced = True
        elif line.mark is Mark.QUOTE_BEGINS and not circumstances.forward:
            own[index:] = [False] * (len(lines) - index)
            return own, True
        elif not line.blank:
            end, introduces = _past_separator(lines, index, circumstances)
            if end is not None:
                own[index:end] = [False] * (end - index)
                introduced = introduced or introduces
                index = end
                continue
            if introduces:
                break  # a forwarded mail: all that follows is the customer's to show
        index += 1
    if not introduced and not circumstances.reply and _quoted(lines, own) < _FEW_QUOTES:
        return [True] * len(lines), False
    _take_back_wrapped(lines, own)
    return own, marked


def _begins_unmarked(lines: Sequence[Line], index: int, circumstances: Circumstances) -> bool:
    """Whether GroupWise's line over a quote stands here, under the customer's words, over what nothing marks."""
    if circumstances.forward or not is_angled_attribution(lines[index]):
        return False
    before = next((line for line in reversed(lines[:index]) if not line.blank), None)
    follows = next((line for line in lines[index + 1 :] if not line.blank), None)
    return before is not None and not before.depth and follows is not None and not follows.depth


def _past_separator(lines: Sequence[Line], index: int, circumstances: Circumstances) -> tuple[int | None, bool]:
    """Where the quote ends that is introduced here, None for no quote; and whether anything is introduced."""
    separator = find_separator(lines, index, after_rule=_after_rule(lines, index), subject=circumstances.subject)
    if separator is None:
        return None, False
    if separator.kind is Kind.FORWARD or (circumstances.forward and separator.kind in {Kind.HEADERS, Kind.ORIGINAL}):
        return None, True
    after = index + separator.length
    if separator.kind is Kind.HEADERS and _is_pasted(lines, index, after, circumstances):
        return None, True
    follows = next((line for line in lines[after:] if not line.blank), None)
    if follows is None or follows.depth or follows.mark is Mark.ATTRIBUTION:
        return after, True
    if separator.sure and not has_words(lines[:index]):
        return after, True
    if separator.kind is Kind.ATTRIBUTION and not separator.sure:
        return None, False
    return len(lines), True


def _is_pasted(lines: Sequence[Line], index: int, after: int, circumstances: Circumstances) -> bool:
    """Whether the customer shows a block of headers with what follows it. It is about something else, and the words
    above announce it; in an answer, where a program puts a block, its author is a stranger, or the words right above
    end in a colon ("You wrote me this:") without the program's rule between."""
    block = lines[index:after]
    other = names_other_subject(block, circumstances.subject)
    if not has_words(lines[:index]):
        return False
    if circumstances.reply:
        if other and names_stranger(block, circumstances.correspondents):
            return True
        ruled = label_of(block[0].text) is None or _after_rule(lines, index)
        return not ruled and _above(lines, index).endswith((":", "："))
    return other and _is_announced(lines, index)


def _is_announced(lines: Sequence[Line], index: int) -> bool:
    """Whether the words above say that something is shown: 'I get this mail:', 'Please look at the mail below.'"""
    above = _above(lines, index)
    return above.endswith((":", "：")) or _BELOW.search(above) is not None


def _above(lines: Sequence[Line], index: int) -> str:
    return next((line.text.rstrip() for line in reversed(lines[:index]) if not line.blank), "")


def _after_rule(lines: Sequence[Line], index: int) -> bool:
    """Whether a horizontal rule stands right above, be there empty lines between."""
    for line in reversed(lines[max(0, index - 4) : index]):
        if line.mark is Mark.RULE:
            return True
        if not line.blank:
            return False
    return False


def _quoted(lines: Sequence[Line], own: Sequence[bool]) -> int:
    return sum(1 for line, mine in zip(lines, own, strict=True) if not mine and not line.blank)


def _take_back_wrapped(lines: Sequence[Line], own: list[bool]) -> None:
    """The end of a quoted line that a mail program broke off: one short line right between two quoted ones."""
    for index in range(1, len(lines) - 1):
        before, line, after = lines[index - 1], lines[index], lines[index + 1]
        if (
            own[index]
            and before.depth
            and after.depth
            and not line.blank
            and len(before.shown) >= _WRAPPED_AT
            and len(line.text) <= _TAIL_LONGEST
            and not re.search(r"[.!?:;…。！？]\W*$", before.text)
            and line.text[:1].islower()
        ):
            own[index] = False


def _says_nothing(run: Sequence[Line]) -> bool:
    """Whether only rules and brackets are left between two quotes."""
    return all(re.fullmatch(r"[\s<>\[\](){}|,.;:_=*~#+·•ᐧ–—-]*", line.text) for line in run)


def _runs(lines: Sequence[Line], own: Sequence[bool]) -> list[list[Line]]:
    """The customer's lines, in the pieces that quotes leave of them."""
    runs: list[list[Line]] = []
    before = False
    for line, mine in zip(lines, own, strict=True):
        if mine and not before:
            runs.append([])
        if mine:
            runs[-1].append(line)
        before = mine or (before and line.blank)
    return [run for run in runs if not _says_nothing(run)] or runs
