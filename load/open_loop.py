"""Open-loop load: requests start when they are due, however slow the answers are.

Latency counts from the scheduled time, so that a stall is charged to every request that it delayed and not only
to the one that met it (coordinated omission).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """`latency_s` is from the scheduled time, `late_s` the part of it by which the generator itself was late."""

    latency_s: float
    late_s: float
    ok: bool


def due_times(rate_per_s: float, duration_s: float) -> list[float]:
    """When each request is due, in seconds from the begin, evenly spaced."""
    return [number / rate_per_s for number in range(int(rate_per_s * duration_s))]


async def run_open_loop(
    send: Callable[[int], Awaitable[bool]],
    rate_per_s: float,
    duration_s: float,
    *,
    drain_s: float = 10.0,
    on_due: Callable[[], None] = lambda: None,
) -> list[Sample]:
    """Call `send(number)` at each due time; it says whether its answer was good, and raising counts as not.

    What has no answer `drain_s` after the last due time is cancelled and counts as not good.
    """
    began = time.perf_counter()

    async def one(number: int, due_s: float) -> Sample:
        started_s = time.perf_counter() - began
        try:
            ok = await send(number)
        except (Exception, asyncio.CancelledError):
            ok = False
        return Sample(time.perf_counter() - began - due_s, started_s - due_s, ok)

    tasks = []
    for number, due_s in enumerate(due_times(rate_per_s, duration_s)):
        if (pause_s := due_s - (time.perf_counter() - began)) > 0:
            await asyncio.sleep(pause_s)
        tasks.append(asyncio.create_task(one(number, due_s)))
        on_due()
    if tasks:
        _, unanswered = await asyncio.wait(tasks, timeout=drain_s)
        for task in unanswered:
            task.cancel()
    return list(await asyncio.gather(*tasks))
