"""Gmail's limit on quota units per user and minute, kept on our side.

Units per method are those of Google's page "Usage limits" (developers.google.com/workspace/gmail/api/reference/quota).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from agent.errors import ProviderBusy
from agent.token_bucket import TokenBucket

UNITS = {
    "getProfile": 1,
    "history.list": 2,
    "messages.get": 5,
    "messages.list": 5,
    "drafts.create": 10,
    "drafts.get": 5,
    "drafts.list": 5,
    "drafts.delete": 10,
    "drafts.send": 100,
    "watch": 100,
}


class QuotaBucket:
    """Lets requests through so that no minute sees more than `per_minute` units, first come, first served.

    A bucket that holds `b` and gains `r` a second lets at most `b + 60 r` through in any minute: a quarter of the
    limit may come at once, the rest is spread.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float] = time.monotonic) -> None:
        size = max(per_minute / 4, max(UNITS.values()))
        self._bucket = TokenBucket(size, max((per_minute - size) / 60, 0.5), clock)
        self._turn = asyncio.Lock()

    async def take(self, units: float, patience_s: float | None = None) -> None:
        """Wait until there is room. Raises ProviderBusy when that would take longer than `patience_s`."""
        async with self._turn:
            wait_s = self._bucket.wait_s(units)
            if patience_s is not None and wait_s > patience_s:
                raise ProviderBusy("the mailbox's quota of this minute is spent", wait_s)
            while wait_s > 0:
                await asyncio.sleep(wait_s)
                wait_s = self._bucket.wait_s(units)
            self._bucket.take(units)
