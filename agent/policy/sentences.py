"""A message as the policy reads it: its own sentences, in one spelling."""

from __future__ import annotations

import re

MAX_PARTS = 16

_SENTENCE_END = re.compile(r"(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\betc\.)(?<=[.!?…;])\s+")
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})  # fmt: skip
_SPACES = re.compile(r"\s+")
_WORD = re.compile(r"\w+")


def normalise(sentence: str) -> str:
    """Lower case, straight quotes and single spaces: what patterns are written for."""
    return _SPACES.sub(" ", sentence.translate(_STRAIGHT)).strip().lower()


def split_sentences(text: str) -> list[str]:
    """The customer's sentences in order, as written, without quoted lines. A line break ends a sentence."""
    own = [line for line in text.splitlines() if not line.lstrip().startswith(">")]
    return [part.strip() for line in own for part in _SENTENCE_END.split(line) if _WORD.search(part)]


def split_parts(text: str) -> tuple[str, ...]:
    """What of a message of several sentences is worth judging apart, at most MAX_PARTS, in order.

    A message of one sentence has none: its own vector says all. Very short sentences say too little alone
    and join the one before; beyond the limit neighbours are joined, so that nothing goes unread.
    """
    joined: list[str] = []
    for sentence in split_sentences(text):
        if joined and len(_WORD.findall(sentence)) < 3:
            joined[-1] += f" {sentence}"
        else:
            joined.append(sentence)
    if len(joined) < 2:
        return ()
    size = -(-len(joined) // MAX_PARTS)
    return tuple(" ".join(joined[start : start + size]) for start in range(0, len(joined), size))
