"""Files on their way into a replica's memory: anybody with a ticket may send some, and all at once would fill it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from agent.errors import FteError, RateLimited

AT_ONCE = 20
_WITHIN_S = 60.0


class TooManyUploads(RateLimited):
    """As many files as this replica takes at once are on their way."""

    retry_after_s = 5


class UploadTooSlow(FteError):
    """A file did not come in time, and others wait for its place."""

    http_status = 408


class Uploads:
    """At most `at_once` files, each within `within_s`."""

    def __init__(self, at_once: int = AT_ONCE, within_s: float = _WITHIN_S) -> None:
        self._at_once = at_once
        self._within_s = within_s
        self._held = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """For one file, until it is stored. Raises TooManyUploads."""
        if self._held >= self._at_once:
            raise TooManyUploads("too many files are being sent at the moment; send this one again in a few seconds")
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    async def in_time(self, reading: Awaitable[bytes]) -> bytes:
        """What is read. Raises UploadTooSlow, and what reading raises."""
        try:
            async with asyncio.timeout(self._within_s):
                return await reading
        except TimeoutError as error:
            raise UploadTooSlow(f"the file did not come within {self._within_s:g} seconds") from error
