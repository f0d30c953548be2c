"""The open-loop generator charges a stall to every request that it delayed."""

from __future__ import annotations

import asyncio

import pytest

from load.open_loop import due_times, run_open_loop
from load.percentiles import percentiles


def test_due_times_are_evenly_spaced_and_bounded() -> None:
    assert due_times(4, 1.5) == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert due_times(50, 0.01) == []


async def test_requests_start_when_due_although_none_has_been_answered() -> None:
    started = 0
    all_started = asyncio.Event()

    async def send(_: int) -> bool:
        nonlocal started
        started += 1
        if started == 10:
            all_started.set()
        await all_started.wait()
        return True

    samples = await run_open_loop(send, rate_per_s=200, duration_s=0.05)
    assert [sample.ok for sample in samples] == [True] * 10
    # The first waited for the tenth, which was due 45 ms later.
    assert samples[0].latency_s >= 0.045
    assert samples[-1].latency_s < samples[0].latency_s


async def test_a_generator_that_is_late_counts_its_lateness_as_latency() -> None:
    async def send(number: int) -> bool:
        if number == 0:
            import time

            time.sleep(0.05)  # noqa: ASYNC251  # a stalled generator is the case
        return True

    samples = await run_open_loop(send, rate_per_s=100, duration_s=0.03)
    assert samples[1].late_s >= 0.035
    assert samples[1].latency_s >= samples[1].late_s


async def test_a_raising_and_an_unanswered_request_are_not_good() -> None:
    async def send(number: int) -> bool:
        if number == 0:
            raise ConnectionError
        await asyncio.sleep(60)
        return True

    samples = await run_open_loop(send, rate_per_s=100, duration_s=0.02, drain_s=0.05)
    assert [sample.ok for sample in samples] == [False, False]


def test_percentiles_of_a_known_series() -> None:
    found = percentiles([float(number) for number in range(101)])
    assert (found.count, found.p50, found.p95, found.p99, found.max) == (101, 50, 95, 99, 100)


def test_percentiles_of_nothing_are_not_numbers() -> None:
    found = percentiles([])
    assert found.count == 0
    assert found.p99 != pytest.approx(0)
    assert found.p99 != found.p99
