"""Which processes yield to which, as the kernel sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# A process whose parent's group is not of its PID namespace has none that it could join.
joins_a_group = pytest.mark.skipif(os.getpgid(0) == 0, reason="the process group is outside of the PID namespace")

_REPORT = """
import json, os, sys
from pathlib import Path
import asyncio
from deployments.priority import settle_down, start_beside_others, take_a_session, yield_to_the_door
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
def test_the_first_replica_starts_with_all_it_can_get_and_yields_when_it_has_loaded() -> None:
    report = after("asyncio.run(start_beside_others(0))", process_group=0)
    assert report["session"] == report["pid"]
    assert report["niceness"] == 0
    assert report["session_niceness"] in (0, None)
    report = after("asyncio.run(start_beside_others(0)); asyncio.run(settle_down())", process_group=0)
    assert report["niceness"] == 10
    assert report["session_niceness"] in (10, None)


@joins_a_group
def test_another_replica_yields_from_the_beginning() -> None:
    report = after("asyncio.run(start_beside_others(1))", process_group=0)
    assert report["session"] == report["pid"]
    assert report["niceness"] == 10
    assert report["session_niceness"] in (10, None)
