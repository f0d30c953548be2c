"""How much of an answer its articles say: a figure for reports, from outside of the guardrails that it also judges.

A sentence is supported when at least four of five of its content words, compared by their stems, are in the articles
that it cites or in what the customer wrote, and so is each of its numbers. Sentences of fewer than three content words
(“Yes.”, “Here is how:”) claim nothing but their numbers. Words are no proof of meaning: the figure finds what was made
up, not what was twisted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agent.text.words import sentences, stems

_NEEDED = 0.8
_CLAIMS_FROM = 3
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_STEP = re.compile(r"^\s*\d{1,2}[.)]\s+")


@dataclass(frozen=True, slots=True)
class Support:
    """`unsupported` are sentences that were counted and not found."""

    sentences: int
    unsupported: tuple[str, ...]

    @property
    def supported(self) -> int:
        return self.sentences - len(self.unsupported)


def measure_support(answer: str, sources: Iterable[str], frame: Iterable[str] = ()) -> Support:
    """`answer` is the text that the customer got; lines of `frame` (greeting, signature, the articles' names) are not
    counted."""
    known = "\n".join(sources)
    known_stems, known_numbers = stems(known), set(_numbers(known))
    framed = {line.strip() for text in frame for line in text.splitlines()}
    counted, unsupported = 0, []
    for line in answer.splitlines():
        if line.strip() in framed:
            continue
        for sentence in sentences(_STEP.sub("", line)):
            counted += 1
            if not _is_supported(sentence, known_stems, known_numbers):
                unsupported.append(sentence)
    return Support(counted, tuple(unsupported))


def _is_supported(sentence: str, known_stems: set[str], known_numbers: set[str]) -> bool:
    if not set(_numbers(sentence)) <= known_numbers:
        return False
    said = stems(sentence)
    return len(said) < _CLAIMS_FROM or len(said & known_stems) >= _NEEDED * len(said)


def _numbers(text: str) -> list[str]:
    return [match.group().rstrip(".,") for match in _NUMBER.finditer(text)]
