"""How many replies a second a system delivers when there is always work waiting."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from load.figures import Figures, Recorded
from load.form_client import FormClient
from load.processes import cpu_between, measure_processes
from load.system import System

_LOOK_S = 0.05
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True)
class Sustained:
    """`cpu_ms_per_reply` is by process; it includes what the system spends while idle."""

    replies_per_s: float
    recorded: Recorded
    cpu_ms_per_reply: dict[str, float]
    refused: int


async def measure_sustained(
    system: System,
    texts: Sequence[str],
    *,
    unanswered: int,
    warm_s: float,
    measure_s: float,
) -> Sustained:
    """Keep `unanswered` messages of new customers in the system; count deliveries after a warm-up."""
    figures = Figures(system.database)
    async with system.client(_CONNECTIONS) as http:
        customers = FormClient(http)
        mark = await figures.mark()
        feeding = asyncio.create_task(
            keep_unanswered(customers.submit, texts, unanswered, lambda: figures.delivered_since(mark))
        )
        try:
            await _settle(feeding, warm_s)
            measured_mark, cpu_before = await figures.mark(), await asyncio.to_thread(measure_processes, system)
            began = time.perf_counter()
            await _settle(feeding, measure_s)
            delivered = await figures.delivered_since(measured_mark)
            elapsed_s = time.perf_counter() - began
            cpu = cpu_between(cpu_before, await asyncio.to_thread(measure_processes, system))
            recorded = await figures.recorded_since(measured_mark)
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
        refused = sum(not message.acknowledged for message in customers.sent)
    per_reply = {label: 1000 * seconds / max(1, delivered) for label, seconds in cpu.items()}
    return Sustained(delivered / elapsed_s, recorded, per_reply, refused)


async def keep_unanswered(
    submit: Callable[[str], Awaitable[object]],
    texts: Sequence[str],
    unanswered: int,
    count_delivered: Callable[[], Awaitable[int]],
) -> None:
    """Submit as fast as replies are delivered, for ever. What was refused is not waited for."""
    supply = itertools.cycle(texts)
    accepted = 0
    while True:
        missing = unanswered - (accepted - await count_delivered())
        if missing > 0:
            answers = await asyncio.gather(*(submit(next(supply)) for _ in range(missing)))
            accepted += sum(answer is not None for answer in answers)
        await asyncio.sleep(_LOOK_S)


async def _settle(feeding: asyncio.Task[None], seconds: float) -> None:
    """Sleep, but not beside a generator that failed."""
    done, _ = await asyncio.wait([feeding], timeout=seconds)
    if done:
        await feeding
