"""Wrong operator keys of late, so that nobody can try many.

Counted on this replica, by sender where one is known. All whose address is not known are one sender to the sign-in;
requests with a bearer key are not slowed for what such a stranger did, or anybody could lock every script out.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

from agent.errors import RateLimited

WINDOW_S = 60
_SENDERS_MAX = 10_000


class TooManyGuesses(RateLimited):
    """Too many wrong operator keys from one sender."""

    retry_after_s = WINDOW_S


class KeyGuesses:
    """At most so many wrong keys within a window; then not even the right one is looked at."""

    def __init__(
        self,
        per_sender: int = 10,
        of_unknown: int = 30,
        window_s: float = WINDOW_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_sender = per_sender
        self._of_unknown = of_unknown
        self._window_s = window_s
        self._clock = clock
        self._wrong: OrderedDict[bytes | None, deque[float]] = OrderedDict()

    def check(self, sender: bytes | None) -> None:
        """Raise TooManyGuesses when this sender has to wait. None: one whose address is not known."""
        limit = self._of_unknown if sender is None else self._per_sender
        if len(self._recent(sender)) >= limit:
            raise TooManyGuesses("too many wrong operator keys; try again in a minute")

    def record(self, sender: bytes | None) -> None:
        """Count a wrong key. The senders longest silent are forgotten first."""
        self._wrong.setdefault(sender, deque()).append(self._clock())
        self._wrong.move_to_end(sender)
        while len(self._wrong) > _SENDERS_MAX:
            self._wrong.popitem(last=False)

    def _recent(self, sender: bytes | None) -> deque[float]:
        """The times of the wrong keys within the window."""
        wrong = self._wrong.get(sender)
        if wrong is None:
            return deque()
        while wrong and wrong[0] <= self._clock() - self._window_s:
            wrong.popleft()
        if not wrong:
            del self._wrong[sender]
        return wrong
