"""Whether a background loop still turns; its replica's health check asks this, never the database."""

from __future__ import annotations

import time


class Heartbeat:
    """`beat` once a round. A round lasts at most as long as its longest sleep and its slowest statement."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._last = time.monotonic()

    def beat(self) -> None:
        self._last = time.monotonic()

    def age_s(self) -> float:
        return time.monotonic() - self._last

    def check(self, name: str) -> None:
        """Raise RuntimeError when the last beat is too old."""
        if self.age_s() > self._patience_s:
            raise RuntimeError(f"the {name} loop has stood still for {self.age_s():.0f} s")
