"""Thresholds from labelled examples: what each value would let through, and which value is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# In hundredths, as thresholds are written in knowledge/escalation_rules.yaml.
_STEPS = tuple(range(-60, 101))


@dataclass(frozen=True, slots=True)
class Point:
    """What happens at one threshold. Shares are of the examples of one kind; `precision` of what is let through."""

    threshold: float
    recall: float
    """Of what must reach the threshold, the share that does."""
    false_share: float
    """Of what must stay below it, the share that does not."""
    precision: float | None
    """None where nothing reaches the threshold."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Every threshold in steps of a hundredth, the lowest first, and the chosen one."""

    points: tuple[Point, ...]
    chosen: Point

    def at(self, threshold: float) -> Point:
        """The point nearest to a threshold."""
        return min(self.points, key=lambda point: abs(point.threshold - threshold))


def widest_gap(must: Sequence[float], may: Sequence[float]) -> Curve:
    """The threshold at which recall leads the false share most (Youden, "Index for rating diagnostic tests", 1950).

    `must` and `may` are what examples score that must reach it, and that must not. Of the thresholds within a
    thousandth of the best it is the lowest: what must not be missed costs more than what is let through needlessly,
    and on examples that a rule was made with it is the recall that flatters. Raises ValueError where one kind has no
    example.
    """
    points = _points(must, may)
    most = max(point.recall - point.false_share for point in points)
    return Curve(points, next(point for point in points if point.recall - point.false_share >= most - 0.001))


def most_kept(must: Sequence[float], may: Sequence[float], *, least_recall: float) -> Curve:
    """The highest threshold that at least this share of `must` reaches.

    For what is costlier to miss than to let through. Raises ValueError where one kind has no example.
    """
    points = _points(must, may)
    return Curve(
        points, max((p for p in points if p.recall >= least_recall), key=lambda p: p.threshold, default=points[0])
    )


def _points(must: Sequence[float], may: Sequence[float]) -> tuple[Point, ...]:
    if not must or not may:
        raise ValueError("a curve needs examples that must reach the threshold, and examples that must not")
    high, low = np.asarray(must, dtype=np.float64), np.asarray(may, dtype=np.float64)
    return tuple(_point(step / 100, high, low) for step in _STEPS)


def _point(threshold: float, must: NDArray[np.float64], may: NDArray[np.float64]) -> Point:
    right, wrong = int((must >= threshold).sum()), int((may >= threshold).sum())
    precision = right / (right + wrong) if right + wrong else None
    return Point(threshold, right / len(must), wrong / len(may), precision)
