"""Slips of the pen, mended by the words that articles use: 'velosity' where one says velocity.

A slip is one letter too many, too few, wrong or changed with its neighbour (Damerau, "A technique for computer
detection and correction of spelling errors", 1964).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from string import ascii_lowercase

from agent.text.words import STOPWORDS, stem

# In a shorter word a slip too often makes another word; one wrong letter does in a longer one still ("expert").
_LEAST = 5
_LEAST_FOR_WRONG = 7
_MOST = 30
_LONGEST_ENDING = 3
# "doesnt" is no slip of "doesn", which is what a full text search makes of "doesn't".
_NO_SLIPS = STOPWORDS | {word.replace("'", "") for word in STOPWORDS}
_WORD = re.compile(rf"(?<![\w'’])[A-Za-z]{{{_LEAST},{_MOST}}}(?![\w'’])")


class Spellings:
    """The words that are known, in lower case."""

    def __init__(self, known: Iterable[str]) -> None:
        self.words = frozenset(known)

    def mend(self, text: str, is_word: Callable[[str], bool] = lambda word: False) -> str:
        """The text with each unknown long word replaced by the known one that it is a slip of, if any.

        A word of which the known words have the stem is no slip, and neither is one that `is_word` knows.
        """

        def replaced(match: re.Match[str]) -> str:
            word = match.group().lower()
            if word in _NO_SLIPS or word in self.words or stem(word) in self._stems or is_word(word):
                return match.group()
            return self._nearest(word) or match.group()

        return _WORD.sub(replaced, text) if self.words else text

    def _nearest(self, word: str) -> str | None:
        """The known word one slip away; else another form of one. The first letter is seldom wrong."""
        near = set(_one_slip_away(word))
        found = near & self.words or {other for other in near if self._is_form(other)}
        return max(found, key=lambda other: (other[0] == word[0], len(other), other), default=None)

    def _is_form(self, word: str) -> bool:
        """Whether a known word has the same stem, with a short ending: 'itemations' is no form of 'items'."""
        base = stem(word)
        return len(word) >= _LEAST and len(word) - len(base) <= _LONGEST_ENDING and base in self._stems

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(map(stem, self.words))


def _one_slip_away(word: str) -> Iterator[str]:
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        yield before + after[1:]
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]
        for letter in ascii_lowercase:
            yield before + letter + after
            if len(word) >= _LEAST_FOR_WRONG:
                yield before + letter + after[1:]
