"""When a failing server is left alone, and how it is found to answer again."""

from __future__ import annotations

import asyncio

import pytest

from agent.errors import ModelAway, ModelMisbehaved, ModelRefuses, ModelResting
from models.breaker import Breaker


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(failures=3, rest_s=30.0, clock=clock)


def fail(breaker: Breaker, error: Exception | None = None) -> None:
    error = error or ModelAway("away")
    with pytest.raises(type(error)), breaker.call():
        raise error


def succeed(breaker: Breaker) -> None:
    with breaker.call():
        pass


def test_it_opens_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker)
    fail(breaker)
    assert not breaker.is_open
    fail(breaker)
    assert breaker.is_open
    with pytest.raises(ModelResting), breaker.call():
        pytest.fail("no call goes through")


def test_a_success_between_them_begins_the_count_anew(breaker: Breaker) -> None:
    for _ in range(5):
        fail(breaker)
        fail(breaker)
        succeed(breaker)
    assert not breaker.is_open


@pytest.mark.parametrize("error", [ModelMisbehaved("rubbish"), ModelRefuses("too long")], ids=["rubbish", "refusal"])
def test_a_server_that_answers_is_not_away(breaker: Breaker, error: Exception) -> None:
    for _ in range(10):
        fail(breaker, error)
    assert not breaker.is_open


def test_one_call_tries_while_the_others_are_refused(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.now = 31
    with breaker.call(), pytest.raises(ModelResting), breaker.call():
        pytest.fail("only one tries")
    assert not breaker.is_open
    succeed(breaker)


def test_a_try_that_fails_opens_it_for_as_long_again(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.now = 31
    fail(breaker)
    clock.now = 60
    with pytest.raises(ModelResting), breaker.call():
        pytest.fail("it is still open")
    clock.now = 62
    succeed(breaker)
    assert not breaker.is_open


def test_a_try_that_is_cancelled_lets_the_next_one_try(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker)
    clock.now = 31
    with pytest.raises(asyncio.CancelledError), breaker.call():
        raise asyncio.CancelledError
    assert breaker.is_open
    succeed(breaker)
    assert not breaker.is_open


def test_a_late_failure_of_a_call_from_before_does_not_end_anothers_try(breaker: Breaker, clock: Clock) -> None:
    before = breaker.call()
    before.__enter__()
    for _ in range(3):
        fail(breaker)
    clock.now = 31
    with breaker.call():
        assert not before.__exit__(ModelAway, ModelAway("late"), None)
        with pytest.raises(ModelResting), breaker.call():
            pytest.fail("only one tries")
    succeed(breaker)
