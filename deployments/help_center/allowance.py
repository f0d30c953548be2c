"""How often strangers may search: a search asks the database, which a page from memory does not."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from agent.errors import RateLimited

_SENDERS_MAX = 10_000


class TooManySearches(RateLimited):
    """More searches of the help centre than are answered."""

    retry_after_s = 60


class Allowance:
    """Two token buckets, of this replica and of each sender whose address is known."""

    def __init__(
        self,
        per_second: float = 5.0,
        at_once: int = 20,
        per_minute_of_one: int = 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._all = _Bucket(at_once, per_second, clock())
        self._per_minute_of_one = per_minute_of_one
        self._senders: OrderedDict[bytes, _Bucket] = OrderedDict()
        self._clock = clock

    def take(self, sender: bytes | None) -> None:
        """Count a search. Raises TooManySearches. None: one whose address is not known."""
        now = self._clock()
        if sender is not None and not self._bucket_of(sender, now).take(now):
            raise TooManySearches("too many searches; try again in a minute")
        if not self._all.take(now):
            raise TooManySearches("too many searches at the moment; try again in a minute")

    def _bucket_of(self, sender: bytes, now: float) -> _Bucket:
        """The senders longest silent are forgotten first."""
        bucket = self._senders.setdefault(sender, _Bucket(self._per_minute_of_one, self._per_minute_of_one / 60, now))
        self._senders.move_to_end(sender)
        if len(self._senders) > _SENDERS_MAX:
            self._senders.popitem(last=False)
        return bucket


class _Bucket:
    """Holds at most `size` and gets `per_second` back."""

    def __init__(self, size: int, per_second: float, now: float) -> None:
        self._size = float(size)
        self._left = self._size
        self._per_second = per_second
        self._at = now

    def take(self, now: float) -> bool:
        self._left = min(self._size, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
