"""Slips of the pen in a question, mended by the words of what was found: 'velosity' where an article says velocity."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

from agent.text.words import STOPWORDS, stem

_WORD = re.compile(r"[A-Za-z]{5,}")
_ALIKE = 0.85
"""One letter too many, too few or wrong, of seven: below that a word is more often another word than a slip."""


def mended(question: str, known: Iterable[str]) -> str:
    """The question with each unknown long word replaced by the known word that it is a slip of, if any.

    `known` holds words in lower case. A word of which the known words have the stem is no slip.
    """
    by_letter: dict[str, list[str]] = {}
    stems: set[str] = set()
    for word in known:
        stems.add(stem(word))
        if len(word) >= 5:
            by_letter.setdefault(word[0], []).append(word)

    def mend(match: re.Match[str]) -> str:
        word = match.group().lower()
        if word in STOPWORDS or stem(word) in stems:
            return match.group()
        near = [other for other in by_letter.get(word[0], ()) if abs(len(other) - len(word)) <= 1]
        likeness = {other: SequenceMatcher(None, word, other, autojunk=False).ratio() for other in near}
        best = max(likeness, key=lambda other: (likeness[other], other), default="")
        return best if best and likeness[best] >= _ALIKE else match.group()

    return _WORD.sub(mend, question)
