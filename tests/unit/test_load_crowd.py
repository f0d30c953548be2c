"""A crowd's load is even from its first second, with pauses of the stated mean."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from load.crowd import pause_s, pause_under_way_s

THINK_S = 60.0
CUSTOMERS = 20_000


def test_messages_come_at_one_rate_from_the_start() -> None:
    source = random.Random(5)
    window_s = THINK_S / 6
    arrivals: Counter[int] = Counter()
    for _ in range(CUSTOMERS):
        at = pause_under_way_s(source, THINK_S)
        while at < 2 * THINK_S:
            arrivals[int(at / window_s)] += 1
            at += pause_s(source, THINK_S)
    expected = CUSTOMERS * window_s / THINK_S
    assert len(arrivals) == 12
    for window, count in arrivals.items():
        assert count == pytest.approx(expected, rel=0.07), f"window {window}"


def test_pauses_have_their_mean_and_bounds() -> None:
    source = random.Random(5)
    pauses = [pause_s(source, THINK_S) for _ in range(CUSTOMERS)]
    assert sum(pauses) / CUSTOMERS == pytest.approx(THINK_S, rel=0.01)
    assert min(pauses) >= THINK_S / 2
    assert max(pauses) <= 1.5 * THINK_S
    assert max(pause_under_way_s(source, THINK_S) for _ in range(CUSTOMERS)) <= 1.5 * THINK_S
