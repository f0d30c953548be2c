"""Whatever dies, nothing is lost, nothing is doubled, order is kept, and everybody is answered."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil
import pytest

from load.chaos.run import ANSWER_LIMIT_S, Plan, run_chaos
from load.chaos.victims import Kind, Victims
from serve_app.supervisor.processes import lives
from tests.serve.system import RunningSystem
from tests.waiting import wait_until

SEED = int(os.environ.get("FTE_CHAOS_SEED", "1"))
REPLICAS = [kind for kind in Kind if kind.deployment]
OUTAGE_S = 6.0


@pytest.fixture(scope="module")
def system() -> Iterator[RunningSystem]:
    """A copy of its own: nobody else writes to it, and its processes are nobody else's to miss."""
    home = Path(tempfile.mkdtemp(prefix="fte-kills-"))
    home.chmod(0o755)
    running = RunningSystem(home)
    running.start()
    yield running
    running.http.close()
    status = running.stop()
    log = running.log_end()
    shutil.rmtree(home, ignore_errors=True)
    assert status == 0, log


def replica_pids(victims: Victims) -> dict[Kind, frozenset[int]]:
    return {kind: victims.pids(kind) for kind in REPLICAS}


@pytest.mark.timeout(1800, func_only=True)
def test_an_outage_of_postgres_is_a_503_and_restarts_no_replica(system: RunningSystem) -> None:
    victims = Victims(system.home)
    before_it = system.ask("How do I invite a colleague to my workspace?")
    system.wait_for_reply(before_it)
    pids = replica_pids(victims)
    supervisor = psutil.Process(system.supervisor_pid)
    # So that nobody starts it again before we say so.
    supervisor.suspend()
    try:
        waiting = system.ask("How do I reset my password?")
        [postmaster] = victims.find(Kind.POSTMASTER)
        # Held still, it starts no process that we would not know of.
        postmaster.suspend()
        wait_until(lambda: postmaster.status() == psutil.STATUS_STOPPED)
        backends = postmaster.children()
        postmaster.send_signal(signal.SIGKILL)
        # A backend outlives its postmaster by a moment, and what it still accepts is accepted.
        wait_until(lambda: not any(lives(backend) for backend in backends))
        until = time.monotonic() + OUTAGE_S
        while time.monotonic() < until:
            answer = refused(system)
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
            assert int(answer.headers["retry-after"]) > 0
            assert answer.json()["detail"]
    finally:
        supervisor.resume()
    after_it = system.ask("How do I set a due date on a task?")
    assert system.wait_for_reply(waiting)
    assert system.wait_for_reply(after_it)
    now = replica_pids(victims)
    # A queue that has waited long may have brought a further replica; none was lost.
    assert all(pids[kind] <= now[kind] for kind in REPLICAS), (pids, now)


def refused(system: RunningSystem) -> httpx.Response:
    form = {"name": "Ada", "email": "ada@example.com", "subject": "s", "message": "Is anybody there?"}
    return system.http.post("/support/submit", json=form)


@pytest.mark.timeout(1800, func_only=True)
async def test_nothing_is_lost_or_doubled_whatever_is_killed(system: RunningSystem) -> None:
    plan = Plan(seed=SEED, rate_per_s=4.0, back_limit_s=300.0, complete=False)
    verdict = await run_chaos(system.home, system.copy.dsn, plan)
    timeline = "\n".join(f"{cost.kill.kind}: back after {cost.kill.back_s} s, {cost}" for cost in verdict.costs)
    assert not verdict.problems, f"FTE_CHAOS_SEED={SEED}\n{timeline}\n" + "\n".join(verdict.problems)
    assert verdict.answered_after_s is not None
    assert verdict.answered_after_s < ANSWER_LIMIT_S
    assert {cost.kill.kind for cost in verdict.costs} == set(plan.kinds)
    # A load that hardly ran would prove nothing.
    assert verdict.report.counts["acknowledged"] > 100


@pytest.mark.timeout(1800, func_only=True)
@pytest.mark.parametrize("kind", [Kind.AGENT, Kind.DISPATCHER])
def test_turns_that_were_asked_for_together_are_answered_once_when_their_call_is_cut(
    system: RunningSystem, kind: Kind
) -> None:
    victims = Victims(system.home)
    # A replica that the tests before have killed may be on its way back.
    wait_until(lambda: bool(victims.find(kind)))
    replicas = victims.find(kind)
    # Held still while they come, so that all are due at once.
    for replica in replicas:
        replica.suspend()
    try:
        with ThreadPoolExecutor(8) as crowd:
            addresses = [f"{kind.name.lower()}-{number}@example.com" for number in range(64)]
            questions = list(crowd.map(lambda address: system.ask("How do I export a report?", address), addresses))
    finally:
        for replica in replicas:
            replica.resume()
    system.wait_for_reply(questions[0])
    replicas[0].kill()
    assert all(map(system.wait_for_reply, questions))
    assert [len(system.replies(question)) for question in questions] == [1] * len(questions)


@pytest.mark.timeout(1800, func_only=True)
def test_a_fork_server_that_dies_keeps_no_replica_from_starting(system: RunningSystem) -> None:
    victims = Victims(system.home)
    wait_until(lambda: bool(victims.find(Kind.FORK_SERVER)) and bool(victims.find(Kind.SENTIMENT)))
    supervisor = psutil.Process(system.supervisor_pid)
    # So that nobody starts it again before a worker had to do without.
    supervisor.suspend()
    try:
        [server] = victims.find(Kind.FORK_SERVER)
        server.kill()
        wait_until(lambda: not lives(server))
        before = victims.pids(Kind.SENTIMENT)
        for replica in victims.find(Kind.SENTIMENT):
            replica.kill()
        wait_until(lambda: bool(victims.pids(Kind.SENTIMENT) - before))
        [loaded_by_itself] = victims.find(Kind.SENTIMENT)
        assert psutil.Process(loaded_by_itself.ppid()).name() == "raylet"
    finally:
        supervisor.resume()
    assert system.wait_for_reply(system.ask("How do I export a report?", "without@example.com"))
    wait_until(lambda: bool(victims.find(Kind.FORK_SERVER)))
    [server] = victims.find(Kind.FORK_SERVER)
    before = victims.pids(Kind.SENTIMENT)
    loaded_by_itself.kill()
    wait_until(lambda: bool(victims.pids(Kind.SENTIMENT) - before))
    [forked] = victims.find(Kind.SENTIMENT)
    assert forked.ppid() == server.pid
