"""How many turns a replica runs at once: as many as what they depend on can take.

A turn whose dependency does not answer in time has used it for nothing. Where too many turns share a slow
dependency, all of them fail so, again and again, and nothing is ever finished; fewer at once finish one by one.
The rule is that of TCP (additive increase, multiplicative decrease; Chiu and Jain, 1989).
"""

from __future__ import annotations

import asyncio
from collections import deque

_LEAST = 2.0
_GAIN = 0.25


class TurnPace:
    """Between 2 and `most` at once, first come, first served. For one event loop."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._room = self._most
        self._running = 0
        self._losses = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def room(self) -> int:
        """How many may run at once now."""
        return int(self._room)

    @property
    def running(self) -> int:
        return self._running

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    async def enter(self) -> int:
        """Wait for a place. Returns what `leave` wants to know of it."""
        if self._waiting or self._running >= self.room:
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._running -= 1
                    self._let_in()
                raise
        else:
            self._running += 1
        return self._losses

    def leave(self, entered: int, *, overloaded: bool | None) -> None:
        """`overloaded` when a dependency did not answer, None when the turn says nothing about that.

        Turns that fail together count once: only one that entered after the last loss is news.
        """
        self._running -= 1
        if overloaded and entered == self._losses:
            self._room = max(_LEAST, self._room / 2)
            self._losses += 1
        elif overloaded is False:
            self._room = min(self._most, self._room + _GAIN)
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self._running < self.room:
            place = self._waiting.popleft()
            if not place.done():
                self._running += 1
                place.set_result(None)
