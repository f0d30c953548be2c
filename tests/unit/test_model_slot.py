"""Swapping a model under requests."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from agent.errors import TextTooLong
from agent.ports import Embeddings, Float32Array
from deployments.embedding import embed_requests
from deployments.model_slot import ModelSlot


class Loader:
    """Loads a model by upper-casing its name; `gate` holds loading up."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.loaded: list[str] = []

    def __call__(self, name: str) -> str:
        assert self.gate.wait(60)
        if name.startswith("broken"):
            raise ValueError("no such model")
        self.loaded.append(name)
        return name.upper()


async def test_the_old_model_serves_until_the_new_one_is_ready() -> None:
    loader = Loader()
    slot = ModelSlot(loader)
    await slot.fill("old")
    loader.gate.clear()
    slot.switch("new")
    assert slot.live == "OLD"
    loader.gate.set()
    await slot.settled()
    assert slot.live == "NEW"


async def test_the_last_switch_wins() -> None:
    loader = Loader()
    slot = ModelSlot(loader)
    await slot.fill("old")
    loader.gate.clear()
    slot.switch("second")
    slot.switch("third")
    slot.switch("third")
    loader.gate.set()
    await slot.settled()
    assert slot.live == "THIRD"
    assert loader.loaded.count("third") == 1


async def test_a_model_that_does_not_load_leaves_the_old_one_and_can_be_tried_again() -> None:
    slot = ModelSlot(Loader())
    await slot.fill("old")
    slot.switch("broken")
    await slot.settled()
    assert slot.live == "OLD"
    assert slot.failure is not None
    assert "broken" in slot.failure
    slot.switch("new")
    await slot.settled()
    assert slot.live == "NEW"
    assert not slot.failure


async def test_the_first_model_must_load() -> None:
    with pytest.raises(ValueError, match="no such model"):
        await ModelSlot(Loader()).fill("broken")


class LengthModel:
    model_id = "length"

    def encode(self, texts: Sequence[str]) -> Float32Array:
        if any(len(text) > 9 for text in texts):
            raise TextTooLong("too long")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def test_a_batch_is_split_by_request_and_a_bad_request_spoils_only_itself() -> None:
    answers = embed_requests(LengthModel(), [["a", "bb"], ["far too long"], ["ccc"]])
    assert isinstance(answers[1], TextTooLong)
    good = [answer for answer in answers if isinstance(answer, Embeddings)]
    assert [answer.vectors.tolist() for answer in good] == [[[1.0], [2.0]], [[3.0]]]
    assert {answer.model_id for answer in good} == {"length"}
