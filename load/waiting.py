"""Waiting for what another process does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def wait_until(holds: Callable[[], Awaitable[bool]], timeout_s: float, look_s: float = 0.1) -> bool:
    """Ask again every `look_s`; False when it does not hold within `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            while not await holds():  # noqa: ASYNC110  # another process makes it true
                await asyncio.sleep(look_s)
    except TimeoutError:
        return False
    return True
