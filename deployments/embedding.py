"""Texts to vectors: requests that arrive together share one call of the model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict
from ray import serve

from agent.ports import Embeddings
from deployments.measures import EmbedMeasures
from deployments.model_slot import ModelSlot
from deployments.priority import settle_down, start_beside_others, yield_to_the_door
from deployments.startup import start_replica
from models.batching import EmbeddingModel

if TYPE_CHECKING:
    from models.embedding import SentenceTransformerEmbedder

_WARM_UP = "How do I invite a colleague to my workspace?"


class EmbeddingConfig(BaseModel):
    """The deployment's user_config. An empty `model` means the one of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    model: str = ""
    torch_threads: int = 1
    max_batch: int = 32


@serve.deployment
class Embedding:
    """A changed user_config is taken over in place: no replica restarts and none becomes unroutable."""

    async def __init__(self, settings_factory: str) -> None:  # type: ignore[misc]  # Serve awaits it
        await start_beside_others(serve.get_replica_context().rank.rank)
        self._settings = start_replica(settings_factory)
        self._config = EmbeddingConfig()
        self._slot: ModelSlot[SentenceTransformerEmbedder] = ModelSlot(self._load)
        # torch uses its own threads; a second call beside a running one would only share them.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="embed", initializer=yield_to_the_door)
        self._measures = EmbedMeasures()
        self._filled = False

    async def reconfigure(self, user_config: dict[str, object]) -> None:
        self._config = EmbeddingConfig.model_validate(user_config)
        self._embed_together.set_max_batch_size(self._config.max_batch)
        name = self._config.model or self._settings.embedding_model
        if self._filled:
            self._slot.switch(name)
        else:
            await self._slot.fill(name)
            await settle_down()
            self._filled = True

    def check_health(self) -> None:
        """The old model serves while a new one loads or fails to, so neither is a reason to restart."""

    async def embed(self, texts: list[str]) -> Embeddings:
        """Raises TextTooLong; the requests that shared its batch are answered all the same."""
        answer: Embeddings | Exception = await self._embed_together(texts)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def describe(self) -> dict[str, str | None]:
        """Which model answers now, and why the last switch failed if it did."""
        return {"model_id": self._slot.live.model_id, "failure": self._slot.failure}

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.0)
    async def _embed_together(self, requests: list[list[str]]) -> list[Embeddings | Exception]:
        began = time.perf_counter()
        answers: list[Embeddings | Exception] = await asyncio.get_running_loop().run_in_executor(
            self._thread, embed_requests, self._slot.live, requests
        )
        self._measures.record(sum(map(len, requests)), time.perf_counter() - began)
        return answers

    def _load(self, name: str) -> SentenceTransformerEmbedder:
        # torch takes a second to import, which whoever only builds the application must not wait for.
        from models.embedding import SentenceTransformerEmbedder

        model = SentenceTransformerEmbedder(name, torch_threads=self._config.torch_threads)
        model.encode([_WARM_UP])
        return model


def embed_requests(model: EmbeddingModel, requests: Sequence[Sequence[str]]) -> list[Embeddings | Exception]:
    """Embed all requests in one call; when that fails, each alone, so that one cannot spoil the others."""
    texts = [text for request in requests for text in request]
    try:
        vectors = model.encode(texts)
    except Exception as error:
        if len(requests) == 1:
            return [error]
        return [embed_requests(model, [request])[0] for request in requests]
    ends = np.cumsum([len(request) for request in requests])
    return [Embeddings(model.model_id, rows) for rows in np.split(vectors, ends[:-1])]
