"""How often strangers may search: a search asks the database, which a page from memory does not."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from agent.errors import RateLimited
from agent.token_bucket import TokenBucket

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
        self._all = TokenBucket(at_once, per_second, clock)
        self._per_minute_of_one = per_minute_of_one
        self._senders: OrderedDict[bytes, TokenBucket] = OrderedDict()
        self._clock = clock

    def take(self, sender: bytes | None) -> None:
        """Count a search. Raises TooManySearches. None: one whose address is not known."""
        if sender is not None:
            own = self._bucket_of(sender)
            if own.wait_s() > 0:
                raise TooManySearches("too many searches; try again in a minute")
            own.take()
        if self._all.wait_s() > 0:
            raise TooManySearches("too many searches at the moment; try again in a minute")
        self._all.take()

    def _bucket_of(self, sender: bytes) -> TokenBucket:
        """The senders longest silent are forgotten first."""
        fresh = TokenBucket(self._per_minute_of_one, self._per_minute_of_one / 60, self._clock)
        bucket = self._senders.setdefault(sender, fresh)
        self._senders.move_to_end(sender)
        if len(self._senders) > _SENDERS_MAX:
            self._senders.popitem(last=False)
        return bucket
