"""Long texts in parts that Twilio takes, divided at the ends of sentences."""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate

PART_MAX = 1_600
"""https://www.twilio.com/docs/api/errors/21617. Characters, of which Twilio does not say what they are; counted as
UTF-16 code units, which are never fewer than code points, a text is within the limit either way."""
_NUMBER_ROOM = len("(999/999) ")
_SPACE = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'’”»)\]]*$")
_ENDS_WITHOUT_SPACE = frozenset("。！？")
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


def units(text: str) -> int:
    """UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def split_text(text: str, limit: int) -> list[str]:
    """Pieces that together are the text, each within `limit` units without the white space at its end.

    None is blank, but for a blank text.
    """
    pieces = []
    while units(text.rstrip()) > limit:
        cut = _find_cut(text, limit)
        pieces.append(text[:cut])
        text = text[cut:]
    return [*pieces, text]


def to_parts(text: str, limit: int = PART_MAX) -> tuple[str, ...]:
    """The text whole where it fits; else numbered, since WhatsApp does not promise to keep their order."""
    whole = text.strip()
    if units(whole) <= limit:
        return (whole,)
    pieces = split_text(whole, limit - _NUMBER_ROOM)
    return tuple(f"({number}/{len(pieces)}) {piece.strip()}" for number, piece in enumerate(pieces, 1))


def _find_cut(text: str, limit: int) -> int:
    """Where the next piece begins: after the last sentence or line that fits, else word, else anywhere."""
    fits = sum(size <= limit for size in accumulate(1 + (character > "\uffff") for character in text[: limit + 1]))
    sentence = word = 0
    for space in _SPACE.finditer(text):
        if space.start() > fits:
            break
        if space.start() == 0:
            continue
        word = space.end()
        if "\n" in space[0] or _SENTENCE_END.search(text[max(0, space.start() - 8) : space.start()]):
            sentence = space.end()
    for place in range(fits, sentence, -1):
        if text[place - 1] in _ENDS_WITHOUT_SPACE:
            sentence = place
            break
    return sentence or word or _inside_a_word(text, fits)


def _inside_a_word(text: str, place: int) -> int:
    """Never between a character and what is drawn upon it."""
    for cut in range(place, 0, -1):
        after = text[cut]
        if not unicodedata.combining(after) and after not in _JOINERS and text[cut - 1] != "\u200d":
            return cut
    return place
