"""Vectors of fixed texts on disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.ports import Embedder, Embeddings
from deployments.off_loop import with_embedder_off_loop
from models.vector_cache import VectorCache

TEXTS = ["one", "three"]


class CountingEmbedder:
    def __init__(self, model_id: str) -> None:
        self.model_id = model_id
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.asked.extend(texts)
        return Embeddings(self.model_id, np.array([[len(text)] for text in texts], dtype=np.float32))


async def test_known_texts_are_not_embedded_again(tmp_path: Path) -> None:
    await VectorCache(CountingEmbedder("m"), tmp_path).embed(TEXTS)
    second = CountingEmbedder("m")
    again = await VectorCache(second, tmp_path).embed(TEXTS)
    assert again.vectors.tolist() == [[3.0], [5.0]]
    assert not set(TEXTS) & set(second.asked)


async def test_vectors_of_one_model_are_never_given_for_another(tmp_path: Path) -> None:
    await VectorCache(CountingEmbedder("m1"), tmp_path).embed(TEXTS)
    other = CountingEmbedder("m2")
    assert (await VectorCache(other, tmp_path).embed(TEXTS)).model_id == "m2"
    assert set(TEXTS) <= set(other.asked)


async def test_a_broken_file_is_embedded_anew(tmp_path: Path) -> None:
    await VectorCache(CountingEmbedder("m"), tmp_path).embed(TEXTS)
    (file,) = tmp_path.iterdir()  # noqa: ASYNC240  # a test may wait
    file.write_bytes(b"not numpy")
    again = CountingEmbedder("m")
    assert (await VectorCache(again, tmp_path).embed(TEXTS)).vectors.shape == (2, 1)
    assert set(TEXTS) <= set(again.asked)


async def test_work_off_the_loop_embeds_on_the_loop(tmp_path: Path) -> None:
    threads: dict[str, threading.Thread] = {}
    loops: list[asyncio.AbstractEventLoop] = []

    class HomeEmbedder(CountingEmbedder):
        async def embed(self, texts: Sequence[str]) -> Embeddings:
            loops.append(asyncio.get_running_loop())
            return await super().embed(texts)

    async def work(embedder: Embedder) -> str:
        threads["work"] = threading.current_thread()
        return (await embedder.embed(TEXTS)).model_id

    assert await with_embedder_off_loop(work, HomeEmbedder("m")) == "m"
    assert threads["work"] is not threading.current_thread()
    assert loops == [asyncio.get_running_loop()]


async def test_the_expected_models_files_are_used_without_asking_who_answers(tmp_path: Path) -> None:
    await VectorCache(CountingEmbedder("m"), tmp_path).embed(TEXTS)
    silent = CountingEmbedder("other")
    found = await VectorCache(silent, tmp_path, "m").embed(TEXTS)
    assert found.model_id == "m"
    assert silent.asked == []


async def test_without_the_expected_models_files_whoever_answers_is_asked(tmp_path: Path) -> None:
    found = await VectorCache(CountingEmbedder("other"), tmp_path, "m").embed(TEXTS)
    assert found.model_id == "other"
