"""Which processes yield to which, as the kernel sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deployments.priority import Yielding
from tests.waiting import until

# A process whose parent's group is not of its PID namespace has none that it could join.
joins_a_group = pytest.mark.skipif(os.getpgid(0) == 0, reason="the process group is outside of the PID namespace")

_REPORT = """
import json, os, sys
from pathlib import Path
import asyncio
from deployments.priority import Yielding, start_beside_others, take_a_session, yield_to_the_door
{calls}
autogroup = Path("/proc/self/autogroup")
weight = autogroup.read_text().split() if autogroup.exists() else []  # empty in a session that has no autogroup
print(json.dumps({{
    "pid": os.getpid(), "session": os.getsid(0), "group": os.getpgid(0), "niceness": os.getpriority(os.PRIO_PROCESS, 0),
    "session_niceness": int(weight[-1]) if weight else None,
}}))
"""


def after(calls: str, **how: Any) -> dict[str, Any]:
    code = _REPORT.format(calls=calls)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, **how)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@joins_a_group
def test_a_leader_of_a_process_group_as_rays_workers_are_gets_a_session_and_keeps_its_group() -> None:
    report = after("take_a_session()", process_group=0)
    assert report["session"] == report["group"] == report["pid"]
    assert report["niceness"] == 0


@joins_a_group
@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel has no autogroups")
def test_a_nice_session_weighs_less_as_a_whole() -> None:
    report = after("take_a_session(nice=True); take_a_session(nice=True)", process_group=0)
    assert report["session"] == report["pid"]
    assert report["session_niceness"] == 10


def test_who_leads_no_group_stays_where_it_is() -> None:
    report = after("take_a_session(nice=True)")
    assert report["session"] != report["pid"]


def test_yielding_is_for_good_and_not_twice() -> None:
    assert after("yield_to_the_door(); yield_to_the_door()")["niceness"] == 10


@joins_a_group
def test_the_first_replica_starts_with_all_it_can_get() -> None:
    report = after("asyncio.run(start_beside_others(0))", process_group=0)
    assert report["session"] == report["pid"]
    assert report["niceness"] == 0
    assert report["session_niceness"] in (0, None)


_SHARES = """
import types
def look(*shares):
    it = iter(shares)
    yielding = Yielding(types.SimpleNamespace(look=lambda: next(it) * os.cpu_count()))
    for _ in shares:
        yielding.look()
"""
_TAKES_BACK = 0 if os.geteuid() == 0 else 10


@joins_a_group
@pytest.mark.parametrize(
    ("shares", "niceness", "session"),
    [
        ("0.9", 0, 0),
        ("0.9, 0.5", 0, 0),
        ("0.9, 0.2", 10, 10),
        ("0.2, 0.5", 10, 10),
        ("0.2, 0.9", _TAKES_BACK, 0),
    ],
)
def test_who_computes_yields_while_the_machine_is_busy(shares: str, niceness: int, session: int) -> None:
    report = after(f"{_SHARES}\ntake_a_session(); look({shares})", process_group=0)
    assert report["niceness"] == niceness
    assert report["session_niceness"] in (session, None)


def test_a_thread_that_joins_yields_as_the_others_do() -> None:
    joining = """
from concurrent.futures import ThreadPoolExecutor
yielding = Yielding(types.SimpleNamespace(look=lambda: 0.0))
yielding.look()
pool = ThreadPoolExecutor(1, initializer=yielding.join)
assert pool.submit(os.getpriority, os.PRIO_PROCESS, 0).result() == 10
"""
    assert after(f"{_SHARES}{joining}")["niceness"] == 10


async def test_a_replica_that_has_loaded_looks_at_the_machine_again_and_again() -> None:
    looks: list[float] = []
    yielding = Yielding(SimpleNamespace(look=lambda: looks.append(0.55) or 0.55 * (os.cpu_count() or 1)))  # type: ignore[arg-type, func-returns-value]
    yielding.begin()
    yielding.begin()
    try:
        await until(lambda: len(looks) >= 2)
    finally:
        yielding.end()


@joins_a_group
def test_another_replica_yields_from_the_beginning() -> None:
    report = after("asyncio.run(start_beside_others(1))", process_group=0)
    assert report["session"] == report["pid"]
    assert report["niceness"] == 10
    assert report["session_niceness"] in (10, None)
