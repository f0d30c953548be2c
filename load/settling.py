"""The quiet ends of a run: the first answer, after which everything is loaded, and the last."""

from __future__ import annotations

from load.figures import Figures
from load.form_client import FormClient
from load.sent_log import SentLine
from load.system import System
from load.texts import QUESTIONS
from load.waiting import wait_until

_FIRST_ANSWER_PATIENCE_S = 90.0


async def warm_up(system: System) -> list[SentLine]:
    """Ask one question and wait for its reply, so that no later one pays for loading. Returns what was sent."""
    async with system.client(1) as http:
        customer = FormClient(http)
        await customer.submit(QUESTIONS[0])
        await drain(system, _FIRST_ANSWER_PATIENCE_S)
        return customer.sent


async def drain(system: System, patience_s: float) -> bool:
    """Wait until every message has its outcome and every reply is delivered; False when that takes too long."""
    figures = Figures(system.database)

    async def settled() -> bool:
        return await figures.unsettled() == 0

    return await wait_until(settled, patience_s)
