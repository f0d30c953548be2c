"""How much of this machine nobody uses now."""

from __future__ import annotations

import math
import time

_SHORTEST_LOOK_S = 0.1  # the kernel counts in hundredths of a second


class IdleCores:
    """How many cores of this machine are idle: a moving average over about `memory_s`, from 0 on.

    With 8 s one busy second hides no idle machine. Looks in short succession count as one.
    """

    def __init__(self, memory_s: float = 8.0) -> None:
        self._memory_s = memory_s
        self._idle_s, self._at = self._read()
        self._average = 0.0

    def look(self) -> float:
        idle_s, at = self._read()
        elapsed_s = at - self._at
        if elapsed_s >= _SHORTEST_LOOK_S:
            weight = 1.0 - math.exp(-elapsed_s / self._memory_s)
            self._average += weight * ((idle_s - self._idle_s) / elapsed_s - self._average)
            self._idle_s, self._at = idle_s, at
        return self._average

    def _read(self) -> tuple[float, float]:
        import psutil

        times = psutil.cpu_times()
        return times.idle + getattr(times, "iowait", 0.0), time.monotonic()
