"""One run: customers write, processes die, and the verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigurationInvalid
from agent.times import Times
from crm.database import Database
from load.chaos.customers import Customers
from load.chaos.schedule import make_schedule
from load.chaos.strikes import Addresses, Kill, Striker
from load.chaos.verdict import Verdict, judge, wait_until_answered
from load.chaos.victims import USUAL, Kind, Victims
from serve_app.supervisor.lock import HomeLock
from serve_app.supervisor.serve_client import ServeClient

ANSWER_LIMIT_S = 60.0
"""After the last kill everything must be answered within this time."""
_WARM_UP_S = 3.0
_AFTER_LAST_KILL_S = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Every kind is killed once, and then again until `duration_s` is over."""

    seed: int
    kinds: Sequence[Kind] = USUAL
    rate_per_s: float = 8.0
    duration_s: float = 0.0
    overlap: float = 0.25
    back_limit_s: float = 90.0
    """How long what was killed may take to be whole again."""
    complete: bool = False
    """Whether nobody else writes to this copy, so that anything stored that was not sent is a finding."""


async def run_chaos(home: Path, dsn: str, plan: Plan, on_change: Callable[[Kill], None] = lambda kill: None) -> Verdict:
    """Attack the copy that runs under `home`. Raises ConfigurationInvalid when none runs there."""
    copy = HomeLock(home).running_copy()
    if copy is None:
        raise ConfigurationInvalid(f"nothing runs under {home}; start it with `fte up`")
    serve = ServeClient(copy.dashboard_url, home / "keys" / "ray_token")
    striker = Striker(Victims(home), Addresses(copy.form_url, dsn, serve), plan.back_limit_s, on_change)
    customers = Customers(copy.form_url, plan.rate_per_s, plan.seed)
    # It judges afterwards, on a machine that may be busy still.
    database = Database(dsn, Times(acquire_connection_s=30, statement_timeout_s=60), "fte-chaos")
    writing = asyncio.create_task(customers.run())
    try:
        await _attack(striker, plan)
        customers.stop()
        deadline = striker.kills[-1].at + ANSWER_LIMIT_S
        await asyncio.wait([writing], timeout=max(deadline - time.monotonic(), 0))
        if writing.done():
            writing.result()
        answered = await wait_until_answered(database, deadline)
        answered_after_s = time.monotonic() - striker.kills[-1].at if answered else None
        await striker.settle()
        return await judge(database, customers, striker.kills, answered_after_s, complete=plan.complete)
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await striker.close()
        await database.close()


async def _attack(striker: Striker, plan: Plan) -> None:
    await asyncio.sleep(_WARM_UP_S)
    until = time.monotonic() + plan.duration_s
    for number, strike in enumerate(make_schedule(plan.kinds, plan.seed, overlap=plan.overlap)):
        if number >= len(plan.kinds) and time.monotonic() > until:
            break
        await striker.strike(strike)
    await asyncio.sleep(_AFTER_LAST_KILL_S)
