"""The quota of a mailbox is kept on our side."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ProviderBusy
from channels.gmail import quota
from channels.gmail.quota import UNITS, QuotaBucket


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(quota.asyncio, "sleep", clock.sleep)
    return clock


def most_in_a_minute(taken: list[tuple[float, float]]) -> float:
    return max(sum(units for at, units in taken if start <= at < start + 60) for start, _ in taken)


@given(st.lists(st.sampled_from(sorted(UNITS.values())), min_size=1, max_size=300), st.floats(600, 15000))
def test_no_minute_sees_more_than_the_limit(units: list[int], per_minute: float) -> None:
    clock, real = Clock(), asyncio.sleep
    quota.asyncio.sleep = clock.sleep  # type: ignore[assignment]
    try:
        bucket, taken = QuotaBucket(per_minute, clock), []

        async def run() -> None:
            for each in units:
                await bucket.take(each)
                taken.append((clock.now, float(each)))

        asyncio.run(run())
    finally:
        quota.asyncio.sleep = real  # type: ignore[assignment]
    assert most_in_a_minute(taken) <= per_minute + 1


async def test_who_cannot_wait_is_told_how_long_it_would_be(clock: Clock) -> None:
    bucket = QuotaBucket(6000, clock)
    for _ in range(15):
        await bucket.take(100, patience_s=0)
    with pytest.raises(ProviderBusy) as refused:
        await bucket.take(100, patience_s=1)
    assert 1 < refused.value.pause_s <= 100 / 75 + 0.01
    clock.now += refused.value.pause_s
    await bucket.take(100, patience_s=0)


async def test_a_request_that_costs_more_than_a_small_quota_is_let_through_in_the_end(clock: Clock) -> None:
    bucket = QuotaBucket(1, clock)
    await bucket.take(100)
    await bucket.take(100)
