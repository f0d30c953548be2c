"""Turns that begin together: one request for several, and their ends in as few answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from agent.log_fields import log_fields
from agent.records import CustomerId

_LOG = logging.getLogger(__name__)

# Turns that begin together end near each other. Whoever waits for the ends only counts free places, so that those of
# so long share an answer; the last one of all waits for nobody.
_COLLECT_S = 0.1

Ended = tuple[CustomerId, bool]
"""Whose turn has ended, and whether it settled anything; if not, a pause is due before the next."""

RunTurn = Callable[[CustomerId], Awaitable[bool]]
RunTurns = Callable[[Sequence[CustomerId]], AsyncIterator[Sequence[Ended]]]


async def run_together(run_turn: RunTurn, customers: Sequence[CustomerId]) -> AsyncIterator[list[Ended]]:
    """Run a turn of each customer, all at once; yields those that have ended. Ends of turns that raised are unsettled.

    Turns that still run are cancelled when the iterator is closed.
    """
    running = {asyncio.create_task(_settles(run_turn, customer_id)): customer_id for customer_id in customers}
    try:
        while running:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(running, timeout=_COLLECT_S)
            ended = [turn for turn in running if turn.done()]
            yield [(running.pop(turn), turn.result()) for turn in ended]
    finally:
        for turn in running:
            turn.cancel()
        if running:
            await asyncio.wait(running)


async def _settles(run_turn: RunTurn, customer_id: CustomerId) -> bool:
    try:
        return await run_turn(customer_id)
    except Exception as error:
        with log_fields(customer_id=customer_id):
            _LOG.warning("a turn was not run: %s", type(error).__name__)
        return False
