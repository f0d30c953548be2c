"""Scaling by the queue: what is wanted, and that the policy can neither raise nor block."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from agent.errors import DatabaseAway
from crm.work import Backlog, WorkQueue
from deployments.autoscaling import IdleCores, QueueDepthPolicy, wanted_replicas
from deployments.startup import start_replica
from tests.waiting import until


@pytest.mark.parametrize(
    ("depth", "oldest_s", "current", "wanted"),
    [(0, 0.0, 3, 0), (1, 0.1, 1, 1), (200, 0.1, 1, 1), (201, 0.1, 1, 2), (1, 9.0, 2, 3), (1000, 9.0, 1, 5)],
)
def test_replicas_follow_depth_and_age(depth: int, oldest_s: float, current: int, wanted: int) -> None:
    assert wanted_replicas(Backlog(depth, oldest_s), current, per_replica=200, max_age_s=5.0) == wanted


@pytest.mark.parametrize(("in_hand", "turns_per_replica", "wanted"), [(32, 32, 1), (33, 32, 2), (33, 0, 0), (0, 32, 0)])
def test_replicas_follow_the_turns_in_hand_where_they_count(in_hand: int, turns_per_replica: int, wanted: int) -> None:
    backlog = Backlog(0, 0.0, in_hand)
    assert wanted_replicas(backlog, 1, 200, 5.0, turns_per_replica) == wanted


def context(**differences: Any) -> SimpleNamespace:
    return SimpleNamespace(**{"target_num_replicas": 2, "current_num_replicas": 2} | differences)


def make_policy(factory: str = "serve_app.settings:load_settings", *, spare_cores: float = 0.0) -> QueueDepthPolicy:
    return QueueDepthPolicy(
        factory, per_replica=10, max_age_s=5.0, turns_per_replica=4, spare_cores=spare_cores, poll_s=0.01
    )


async def test_the_policy_reads_what_its_poll_found(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Backlog | Exception] = [Backlog(35, 0.0)]

    async def fetch_backlog(self: WorkQueue) -> Backlog:
        answer = answers[-1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(WorkQueue, "fetch_backlog", fetch_backlog)
    monkeypatch.setattr("serve_app.settings.Settings.dsn", lambda self: "postgresql://nowhere/none")
    policy = make_policy()
    assert policy(context())[0] == 2, "nothing is known yet, so nothing changes"
    # A figure is stale after some polls, which a busy machine may take for anything: ask until it is fresh.
    await until(lambda: policy(context())[0] == 4)
    answers.append(Backlog(0, 0.0, 33))
    await until(lambda: policy(context())[0] == 9)
    answers.append(DatabaseAway("away"))
    await until(lambda: policy(context())[0] == 2)


async def test_nothing_is_added_beside_full_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch_backlog(self: WorkQueue) -> Backlog:
        return Backlog(depths[-1], 0.0)

    depths, idle = [35], [0.4]
    monkeypatch.setattr(WorkQueue, "fetch_backlog", fetch_backlog)
    monkeypatch.setattr(IdleCores, "look", lambda self: idle[-1])
    monkeypatch.setattr("serve_app.settings.Settings.dsn", lambda self: "postgresql://nowhere/none")
    policy, unconditional = make_policy(spare_cores=0.5), make_policy()
    await until(lambda: unconditional(context())[0] == 4)
    for _ in range(20):
        assert policy(context())[0] == 2, "four are wanted, and there is no room for them"
        await asyncio.sleep(0.01)
    idle.append(0.6)
    await until(lambda: policy(context())[0] == 4)
    idle.append(0.0)
    depths.append(5)
    await until(lambda: policy(context())[0] == 1)


def test_idle_cores_are_a_moving_average(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SimpleNamespace(s=100.0, idle=1000.0, iowait=10.0)
    monkeypatch.setattr("psutil.cpu_times", lambda: SimpleNamespace(idle=now.idle, iowait=now.iowait))
    monkeypatch.setattr("deployments.autoscaling.time.monotonic", lambda: now.s)
    cores = IdleCores()

    def pass_time(seconds: float, idle: float) -> float:
        now.s += seconds
        now.idle += 0.75 * idle * seconds
        now.iowait += 0.25 * idle * seconds
        return cores.look()

    assert pass_time(60.0, 1.5) == pytest.approx(1.5, abs=0.01)
    assert pass_time(0.01, 0.0) == pytest.approx(1.5, abs=0.01), "too soon to tell"
    assert 1.0 < pass_time(2.0, 0.0) < 1.5, "two busy seconds"
    assert pass_time(60.0, 0.0) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("factory", ["no_such_module:nothing", "serve_app.settings:no_such_function"])
async def test_the_policy_never_raises_and_never_waits(factory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, failed = threading.Event(), threading.Event(), threading.Event()

    def start_late(reference: str) -> object:
        begun.set()
        assert go_on.wait(60)
        try:
            return start_replica(reference)
        finally:
            failed.set()

    monkeypatch.setattr("deployments.startup.start_replica", start_late)
    policy = make_policy(factory)
    # While its first poll is held up, and after it has failed.
    for event in (begun, failed):
        await until(lambda event=event: policy(context())[0] == 2 and event.is_set())
        for _ in range(50):
            assert policy(context())[0] == 2
            await asyncio.sleep(0)
        assert policy(SimpleNamespace(target_num_replicas=7))[0] == 7
        assert failed.is_set() is go_on.is_set()
        go_on.set()
