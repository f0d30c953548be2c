"""Requests that arrive while the model is busy share its next call, and none spoils another."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from agent.errors import EmbeddingAway, TextTooLong
from agent.ports import Float32Array
from models.batching import InProcessEmbedder


class GatedModel:
    """Embeds a text as its length; waits in each call until the gate is open, and notes each call."""

    model_id = "gated"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.calls: list[list[str]] = []
        self._begun = threading.Event()

    def encode(self, texts: Sequence[str]) -> Float32Array:
        self.calls.append(list(texts))
        self._begun.set()
        assert self.gate.wait(60)
        if "too long" in texts:
            raise TextTooLong("a text is too long")
        return np.array([[len(text)] for text in texts], dtype=np.float32).reshape(-1, 1)

    async def called(self) -> None:
        """Wait for the first call to begin."""
        assert await asyncio.to_thread(self._begun.wait, 60)


@pytest.fixture
def model() -> GatedModel:
    return GatedModel()


@pytest.fixture
async def embedder(model: GatedModel) -> AsyncIterator[InProcessEmbedder]:
    embedder = InProcessEmbedder(model, max_batch=4)
    yield embedder
    model.gate.set()
    await embedder.close()


async def start(embedder: InProcessEmbedder, *requests: list[str]) -> list[asyncio.Task[list[float]]]:
    """Begin the requests, in order, and let each reach the queue."""

    async def lengths(texts: list[str]) -> list[float]:
        embeddings = await embedder.embed(texts)
        assert embeddings.model_id == "gated"
        return [float(row[0]) for row in embeddings.vectors]

    tasks = [asyncio.create_task(lengths(texts)) for texts in requests]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_request_starts_at_once(embedder: InProcessEmbedder, model: GatedModel) -> None:
    (task,) = await start(embedder, ["abc", "", "de"])
    assert await task == [3, 0, 2]
    assert model.calls == [["abc", "", "de"]]


async def test_what_waits_shares_one_call_up_to_the_limit(embedder: InProcessEmbedder, model: GatedModel) -> None:
    model.gate.clear()
    first = await start(embedder, ["a"])
    await model.called()
    rest = await start(embedder, ["bb"], ["ccc", "dddd"], ["e"], ["ffffff"], [])
    model.gate.set()
    assert [await task for task in first + rest] == [[1], [2], [3, 4], [1], [6], []]
    assert model.calls == [["a"], ["bb", "ccc", "dddd", "e"], ["ffffff"]]


async def test_a_request_over_the_limit_goes_alone_and_whole(embedder: InProcessEmbedder, model: GatedModel) -> None:
    (task,) = await start(embedder, ["a"] * 9)
    assert await task == [1] * 9
    assert model.calls == [["a"] * 9]


async def test_one_bad_text_spoils_only_its_own_request(embedder: InProcessEmbedder, model: GatedModel) -> None:
    model.gate.clear()
    first = await start(embedder, ["a"])
    await model.called()
    good, bad, after = await start(embedder, ["bb"], ["too long"], ["ccc"])
    model.gate.set()
    assert await first[0] == [1]
    assert await good == [2]
    with pytest.raises(TextTooLong):
        await bad
    assert await after == [3]


async def test_who_gives_up_is_not_embedded(embedder: InProcessEmbedder, model: GatedModel) -> None:
    model.gate.clear()
    first = await start(embedder, ["a"])
    await model.called()
    gone, stays = await start(embedder, ["gone"], ["stays"])
    gone.cancel()
    await asyncio.wait([gone])
    model.gate.set()
    assert await stays == [5]
    assert await first[0] == [1]
    assert ["stays"] in model.calls


async def test_after_close_nothing_is_embedded(model: GatedModel) -> None:
    embedder = InProcessEmbedder(model)
    model.gate.clear()
    (first,) = await start(embedder, ["a"])
    await model.called()
    (waiting,) = await start(embedder, ["b"])
    closing = asyncio.create_task(embedder.close())
    await asyncio.sleep(0)
    model.gate.set()
    await closing
    assert await first == [1]
    with pytest.raises(EmbeddingAway):
        await waiting
    with pytest.raises(EmbeddingAway):
        await embedder.embed(["c"])
    assert model.calls == [["a"]]
