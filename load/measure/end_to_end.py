"""How long an idle system takes from accept to the committed reply."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from load.figures import Figures, stage_table
from load.form_client import FormClient
from load.percentiles import percentiles
from load.results import Figure, Section, Table
from load.system import System
from load.waiting import wait_until

_MESSAGES = 80
_WARM_UP = 10
PAUSE_S = 0.25
_ANSWER_PATIENCE_S = 10.0


async def measure_end_to_end(system: System, texts: Sequence[str]) -> Section:
    figures = Figures(system.database)
    random_source = random.Random(7)
    async with system.client(2) as http:
        customers = FormClient(http)
        await ask_one_by_one(customers, figures, texts[:_WARM_UP], random_source)
        mark = await figures.mark()
        await ask_one_by_one(customers, figures, texts[_WARM_UP : _WARM_UP + _MESSAGES], random_source)
        recorded = await figures.recorded_since(mark)
    committed = percentiles([turn.end_to_end_ms for turn in recorded.turns])
    delivered = percentiles(recorded.delivered_end_to_end)
    rows = (
        ("committed", committed.count, committed.p50, committed.p95, committed.p99, committed.max),
        ("delivered", delivered.count, delivered.p50, delivered.p95, delivered.p99, delivered.max),
    )
    return Section(
        name="end_to_end",
        title="End to end, idle",
        method=(
            f"{_MESSAGES} new customers one after the other with pauses of about {PAUSE_S:g} s; milliseconds from "
            "the stored message to its committed, and to its delivered reply, by the database's clock."
        ),
        figures=(Figure("accept to committed reply, p50", committed.p50, "ms", at_most=100.0),),
        tables=(
            Table("Milliseconds after accept", ("reply", "messages", "p50", "p95", "p99", "max"), rows),
            stage_table("Stages, idle", {"Serve idle": recorded}),
        ),
    )


async def ask_one_by_one(
    customers: FormClient, figures: Figures, texts: Sequence[str], random_source: random.Random
) -> None:
    """Each is a new customer, who comes a moment after the one before was answered."""
    for text in texts:
        mark = await figures.mark()

        async def delivered(mark: int = mark) -> bool:
            return await figures.delivered_since(mark) > 0

        await customers.submit(text)
        await wait_until(delivered, _ANSWER_PATIENCE_S, look_s=0.02)
        await asyncio.sleep(PAUSE_S * (0.5 + random_source.random()))
