"""How long a start takes until a customer has an answer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from load.form_client import FormClient, Ticket
from load.results import Figure, Section, Table
from load.system import Starting, Workbench
from load.texts import QUESTIONS
from load.waiting import wait_until

_STARTS = 5
_PATIENCE_S = 180.0


async def measure_start(bench: Workbench, progress: Callable[[str], None]) -> Section:
    home = bench.new_home()
    progress("the first start")
    rows = [("first", *await _answer_and_stop(bench, home))]
    for number in range(1, _STARTS + 1):
        progress(f"second starts ({number} of {_STARTS})")
        rows.append((f"second, {number}", *await _answer_and_stop(bench, home)))
    later = [answered_after for _, answered_after, _ in rows[1:]]
    return Section(
        name="start",
        title="Starts",
        method=(
            "From the call of `fte up`, with its own embedded PostgreSQL, to the reply to the first question that a "
            "customer asks by the form as soon as it is taken in. The first start has an empty folder, so it makes the "
            "database and loads the knowledge base. Stopping is from the signal to the end of the last process."
        ),
        figures=(
            Figure(f"second start to the first answered question, slowest of {_STARTS}", max(later), "s", at_most=20),
            Figure("the same, median", statistics.median(later), "s"),
            Figure("first start to the first answered question", rows[0][1], "s"),
            Figure("stopping, slowest", max(stopped_after for _, _, stopped_after in rows), "s"),
        ),
        tables=(Table("By start", ("start", "answered after, s", "stopped after, s"), tuple(rows)),),
    )


async def _answer_and_stop(bench: Workbench, home: Path) -> tuple[float, float]:
    """Seconds from the start to the first reply, and of the stop."""
    began = time.monotonic()
    async with bench.starting(home) as system:
        customer = FormClient(system.http)
        await _wait_for_answer(system, customer, await _ask(system, customer))
        answered_at = time.monotonic()
    return answered_at - began, time.monotonic() - answered_at


async def _ask(system: Starting, customer: FormClient) -> Ticket:
    tickets: list[Ticket] = []

    async def taken_in() -> bool:
        system.check()
        ticket = await customer.submit(QUESTIONS[0])
        tickets.extend([ticket] if ticket else [])
        return ticket is not None

    if not await wait_until(taken_in, _PATIENCE_S):
        raise TimeoutError(f"nothing was taken in within {_PATIENCE_S:g} s")
    return tickets[-1]


async def _wait_for_answer(system: Starting, customer: FormClient, ticket: Ticket) -> None:
    async def answered() -> bool:
        system.check()
        try:
            return await customer.count_replies(ticket) > 0
        except (OSError, TimeoutError):
            return False

    if not await wait_until(answered, _PATIENCE_S):
        raise TimeoutError(f"no answer within {_PATIENCE_S:g} s")
