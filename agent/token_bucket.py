"""A rate that may be exceeded for a moment: what was not used lately may come at once."""

from __future__ import annotations

import time
from collections.abc import Callable


class TokenBucket:
    """Holds at most `size` tokens and gains `gain_per_s` a second, so that no t seconds see more than
    `size + gain_per_s * t` of them taken. It is full at first."""

    def __init__(self, size: float, gain_per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(size)
        self._gain_per_s = gain_per_s
        self._clock = clock
        self._level = self._size
        self._at = clock()

    def wait_s(self, tokens: float = 1.0) -> float:
        """In how many seconds so many are there; 0 when they are."""
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._at) * self._gain_per_s)
        self._at = now
        # Not to wait for what rounding leaves.
        return 0.0 if self._level >= tokens - 1e-6 else (tokens - self._level) / self._gain_per_s

    def take(self, tokens: float = 1.0) -> None:
        """Whoever takes has looked at `wait_s`."""
        self._level -= tokens
