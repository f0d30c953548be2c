"""Passages that say the same in almost the same words: a version of an article beside another, a note on many pages."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from agent.records import Passage

# Runs of so many words are compared; texts that share this part of them say the same.
_RUN = 3
_ALIKE = 0.8

_Words = tuple[str, ...]


def distinct_first(passages: Sequence[Passage]) -> list[Passage]:
    """The passages in their order, but behind all others those that repeat an earlier one."""
    distinct: list[Passage] = []
    repeated: list[Passage] = []
    seen: list[tuple[frozenset[str], _Words]] = []
    for passage in passages:
        said = tuple(passage.body.lower().split())
        vocabulary = frozenset(said)
        # Most texts differ in their words already, which is quickly seen.
        if any(_alike(vocabulary, other) and _alike(_runs(said), _runs(text)) for other, text in seen):
            repeated.append(passage)
        else:
            distinct.append(passage)
            seen.append((vocabulary, said))
    return distinct + repeated


def _runs(said: _Words) -> frozenset[_Words]:
    return frozenset(said[start : start + _RUN] for start in range(max(1, len(said) - _RUN + 1)))


def _alike(one: AbstractSet[Any], other: AbstractSet[Any]) -> bool:
    """Whether Jaccard's index of two sets is high."""
    smaller, larger = sorted((len(one), len(other)))
    if smaller < _ALIKE * larger:
        return False
    shared = len(one & other)
    return shared >= _ALIKE * (smaller + larger - shared)
