"""A replica's figures: read from a thread, given to Ray under names that are documented, and never in the way."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from agent.records import CustomerId
from agent.times import Times
from agent.workers.pace import TurnPace
from deployments import measures
from deployments.lock_client import ActorLocks
from deployments.measures import COUNTERS, GAUGES, HISTOGRAMS, EmbedMeasures, ReplicaMeasures, of_turns

METRICS = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")


class Recorder:
    """Stands for one kind of Ray's metrics; `values` are what was recorded by name."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.recorded = threading.Condition()

    def __call__(self, name: str, **_: Any) -> Any:
        def record(value: float) -> None:
            with self.recorded:
                self.values.setdefault(name, []).append(value)
                self.recorded.notify_all()

        return SimpleNamespace(set=record, inc=record, observe=record)

    def wait_for(self, name: str, value: float) -> None:
        with self.recorded:
            assert self.recorded.wait_for(lambda: value in self.values.get(name, []), timeout=60)


@pytest.fixture
def ray_metrics(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    fake = SimpleNamespace(Gauge=recorder, Counter=recorder, Histogram=recorder)
    monkeypatch.setattr(measures, "metrics", fake)
    return recorder


def test_every_figure_of_a_replica_is_documented() -> None:
    for name, text in {**GAUGES, **COUNTERS, **{each: what for each, (what, _) in HISTOGRAMS.items()}}.items():
        exported = f"ray_{name}_total" if name in COUNTERS else f"ray_{name}"
        assert f"| `{exported}` |" in METRICS, exported
        assert text


def test_figures_follow_what_they_read_and_counters_tell_their_growth(ray_metrics: Recorder) -> None:
    now = {"fte_replica_turns_running": 1.0, "fte_replica_locks_given_up": 2.0}
    reading = ReplicaMeasures({name: lambda name=name: now[name] for name in now}, period_s=0.001)
    ray_metrics.wait_for("fte_replica_turns_running", 1.0)
    ray_metrics.wait_for("fte_replica_locks_given_up", 2.0)
    now.update({"fte_replica_turns_running": 7.0, "fte_replica_locks_given_up": 5.0})
    ray_metrics.wait_for("fte_replica_turns_running", 7.0)
    ray_metrics.wait_for("fte_replica_locks_given_up", 3.0)
    reading.stop()
    assert ray_metrics.values["fte_replica_locks_given_up"] == [2.0, 3.0], "what did not grow is not counted"


def test_a_figure_that_cannot_be_read_does_not_end_the_others(ray_metrics: Recorder) -> None:
    failing = threading.Event()
    failing.set()

    def read() -> float:
        if failing.is_set():
            failing.clear()
            raise RuntimeError("not now")
        return 4.0

    reading = ReplicaMeasures({"fte_replica_turns_room": read}, period_s=0.001)
    ray_metrics.wait_for("fte_replica_turns_room", 4.0)
    reading.stop()


def test_a_call_of_the_model_is_recorded(ray_metrics: Recorder) -> None:
    EmbedMeasures().record(12, 0.02)
    assert ray_metrics.values == {"fte_replica_embed_texts": [12], "fte_replica_embed_seconds": [0.02]}


async def test_an_agent_tells_of_its_turns_and_their_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, asyncio.Future[bool]] = {"acquire": asyncio.get_running_loop().create_future()}

    async def ask(*_: object) -> bool:
        return await answers["acquire"]

    async def door(*_: object) -> object:
        return SimpleNamespace(actor=SimpleNamespace())

    pace, locks = TurnPace(2), ActorLocks(1, Times())
    monkeypatch.setattr(locks, "_ask", ask)
    monkeypatch.setattr(locks, "_door", door)
    figures = of_turns(pace, locks)

    def read() -> dict[str, float]:
        return {name.removeprefix("fte_replica_"): each() for name, each in figures.items()}

    entered = [await pace.enter(), await pace.enter()]
    third = asyncio.create_task(pace.enter())
    acquiring = asyncio.create_task(locks.acquire(CustomerId(uuid4()), "me"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (read()["turns_running"], read()["turns_waiting"], read()["turns_room"]) == (2, 1, 2)
    assert (read()["lock_waiters"], read()["locks_held"], read()["locks_given_up"]) == (1, 0, 0)
    answers["acquire"].set_result(True)
    grant = await acquiring
    assert grant is not None
    assert (read()["lock_waiters"], read()["locks_held"]) == (0, 1)
    await locks.release(grant)
    answers["acquire"] = asyncio.get_running_loop().create_future()
    answers["acquire"].set_result(False)
    assert await locks.acquire(CustomerId(uuid4()), "me") is None
    assert (read()["locks_held"], read()["locks_given_up"]) == (0, 1)
    pace.leave(entered[0], overloaded=None)
    await third
    assert read()["turns_waiting"] == 0
