"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock


async def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Raises TimeoutError when the condition does not come true in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # the condition is not an event
            await asyncio.sleep(0.001)


def wait_until(condition: Callable[[], bool], timeout_s: float = 120.0) -> None:
    """As `until`, for tests without an event loop, of what other processes do. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not come true within {timeout_s:g} s")
        time.sleep(0.01)


@contextmanager
def an_hour_later() -> Iterator[None]:
    """Every timeout of less that this event loop has begun is over: without waiting, and however long what came
    before it took."""
    loop = asyncio.get_running_loop()
    with mock.patch.object(loop, "time", return_value=loop.time() + 3600):
        yield
