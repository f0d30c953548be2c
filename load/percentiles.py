"""Latencies in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of `count` values, in the values' unit; NaN where there were none."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    def as_figures(self) -> dict[str, float]:
        return {name: round(value, 3) for name, value in asdict(self).items()}


def percentiles(values: Sequence[float]) -> Percentiles:
    if not values:
        return Percentiles(0, float("nan"), float("nan"), float("nan"), float("nan"))
    p50, p95, p99, most = np.percentile(np.asarray(values, dtype=np.float64), [50, 95, 99, 100])
    return Percentiles(len(values), float(p50), float(p95), float(p99), float(most))
