"""Requests that come together share a call; what goes wrong for one does not go wrong for the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from agent.errors import EmbeddingAway, TextTooLong
from agent.shared_calls import SharedCalls


class Backend:
    """Answers each text with itself in capitals, when it may."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    async def __call__(self, texts: list[str]) -> list[str]:
        self.calls.append(texts)
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        if "too long" in texts:
            raise TextTooLong("one text is too long")
        return [text.upper() for text in texts]


def shared(backend: Backend, **options: Any) -> SharedCalls[str, list[str]]:
    return SharedCalls(backend, lambda answer, part: answer[part], alone=TextTooLong, **options)


async def begin(calls: SharedCalls[str, list[str]], texts: list[str]) -> asyncio.Task[list[str]]:
    """Ask, and let what follows from it happen."""
    task = asyncio.create_task(calls.ask(texts))
    for _ in range(5):
        await asyncio.sleep(0)
    return task


async def test_a_lone_request_is_called_at_once() -> None:
    backend = Backend()
    assert await shared(backend).ask(["a", "b"]) == ["A", "B"]
    assert backend.calls == [["a", "b"]]


async def test_requests_that_come_during_the_calls_share_the_next_and_get_their_own_parts() -> None:
    backend = Backend()
    backend.may_answer.clear()
    calls = shared(backend, in_flight=2)
    asked = [await begin(calls, texts) for texts in (["a"], ["b"], ["c", "d"], ["e"], [])]
    assert backend.calls == [["a"], ["b"]]
    backend.may_answer.set()
    assert await asyncio.gather(*asked) == [["A"], ["B"], ["C", "D"], ["E"], []]
    assert backend.calls[2:] == [["c", "d", "e"]]


async def test_a_joint_call_holds_no_more_texts_than_it_may() -> None:
    backend = Backend()
    backend.may_answer.clear()
    calls = shared(backend, in_flight=1, max_items=3)
    asked = [await begin(calls, [text, text]) for text in "abc"]
    backend.may_answer.set()
    await asyncio.gather(*asked)
    assert [len(texts) for texts in backend.calls] == [2, 2, 2]


async def test_the_fault_of_one_request_is_its_own() -> None:
    backend = Backend()
    backend.may_answer.clear()
    calls = shared(backend, in_flight=1)
    asked = [await begin(calls, [text]) for text in ("first", "fine", "too long", "fine too")]
    backend.may_answer.set()
    first, fine, too_long, fine_too = await asyncio.gather(*asked, return_exceptions=True)
    assert (first, fine, fine_too) == (["FIRST"], ["FINE"], ["FINE TOO"])
    assert isinstance(too_long, TextTooLong)


async def test_an_outage_is_everybodys_and_is_not_asked_again() -> None:
    backend = Backend()
    backend.may_answer.clear()
    backend.error = EmbeddingAway("away")
    calls = shared(backend, in_flight=1)
    asked = [await begin(calls, [text]) for text in "abc"]
    backend.may_answer.set()
    assert all(isinstance(end, EmbeddingAway) for end in await asyncio.gather(*asked, return_exceptions=True))
    assert len(backend.calls) == 2
    backend.error = None
    assert await calls.ask(["d"]) == ["D"]


async def test_a_caller_that_gives_up_costs_the_others_nothing() -> None:
    backend = Backend()
    backend.may_answer.clear()
    calls = shared(backend, in_flight=1)
    asked = [await begin(calls, [text]) for text in "abc"]
    asked[1].cancel()
    backend.may_answer.set()
    assert await asked[2] == ["C"]
    assert backend.calls == [["a"], ["c"]]
    with pytest.raises(asyncio.CancelledError):
        await asked[1]


async def test_who_asks_again_the_moment_it_is_answered_is_answered_again() -> None:
    calls = shared(Backend(), in_flight=1)
    for number in range(3):
        async with asyncio.timeout(60):
            await calls.ask([f"text {number}"])


async def test_calls_kept_apart_carry_what_comes_meanwhile() -> None:
    backend = Backend()
    calls = shared(backend, in_flight=1, every_s=0.05)
    assert await calls.ask(["a"]) == ["A"]
    asked = [await begin(calls, [text]) for text in "bcd"]
    assert backend.calls == [["a"]]
    assert await asyncio.gather(*asked) == [["B"], ["C"], ["D"]]
    assert backend.calls == [["a"], ["b", "c", "d"]]


async def test_a_call_of_which_nobody_asked_anything_keeps_no_other_away() -> None:
    backend = Backend()
    calls = shared(backend, in_flight=1, every_s=3600.0)
    assert await calls.ask([]) == []
    async with asyncio.timeout(60):
        assert await calls.ask(["a"]) == ["A"]
