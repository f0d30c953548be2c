"""Whom to kill and when, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from load.chaos.victims import Kind


@dataclass(frozen=True, slots=True)
class Strike:
    """`pause_s` before the kill. With `overlapping`, the pause counts from the last kill and not from the moment
    when everything was back, so that one recovery meets the next failure. `pick` in [0, 1) chooses the victim."""

    kind: Kind
    pause_s: float
    overlapping: bool
    pick: float


def make_schedule(
    kinds: Sequence[Kind],
    seed: int,
    *,
    pauses_s: tuple[float, float] = (2.0, 6.0),
    overlap: float = 0.25,
) -> Iterator[Strike]:
    """Without end: every kind once in random order, then every kind again. The same seed gives the same strikes."""
    source = random.Random(seed)
    while True:
        for kind in source.sample(kinds, len(kinds)):
            yield Strike(kind, source.uniform(*pauses_s), source.random() < overlap, source.random())
