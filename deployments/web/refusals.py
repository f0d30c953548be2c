"""Webhooks that prove nothing, in the log: an operator must see that a provider is refused, and nobody may flood it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from agent.log_fields import log_extra

_LOG = logging.getLogger(__name__)
_PAUSE_S = 60.0


class Refusals:
    """Of one replica: the first refusal of a route is told at once, those that follow together once a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told_at: dict[str, float] = {}
        self._untold: dict[str, int] = {}

    def tell(self, route: str, reason: str) -> None:
        """`route` as it is declared, of which there are few; `reason` is a sentence of ours."""
        now = self._clock()
        if now - self._told_at.get(route, -_PAUSE_S) < _PAUSE_S:
            self._untold[route] = self._untold.get(route, 0) + 1
            return
        since = self._untold.pop(route, 0)
        self._told_at[route] = now
        more = f" ({since} more were since the last one that was told)" if since else ""
        _LOG.warning("a webhook was refused: %s%s", reason, more, extra=log_extra(route=route, status=403))
