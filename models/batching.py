"""The in-process embedder: requests that arrive while the model is busy share its next call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from agent.errors import EmbeddingAway
from agent.ports import Embeddings, Float32Array


class EmbeddingModel(Protocol):
    """What `SentenceTransformerEmbedder` is to those who only encode."""

    @property
    def model_id(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Float32Array: ...


@dataclass(slots=True)
class _Request:
    texts: list[str]
    answer: asyncio.Future[Float32Array]


class InProcessEmbedder:
    """Implements agent.ports.Embedder on one thread of this process, for one event loop.

    There is no timer: a lone request starts at once, and what arrives during a call forms the next batch.
    """

    def __init__(self, model: EmbeddingModel, *, max_batch: int = 32) -> None:
        self._model = model
        self._max_batch = max_batch
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        self._waiting: deque[_Request] = deque()
        self._runner: asyncio.Task[None] | None = None
        self._closed = False

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises TextTooLong for a text over the limit; the requests that share its batch are not touched."""
        if self._closed:
            raise EmbeddingAway("the embedder is closed")
        request = _Request(list(texts), asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return Embeddings(self._model.model_id, await request.answer)

    async def close(self) -> None:
        """Let the batch in progress end, and refuse what still waits."""
        self._closed = True
        if self._runner is not None:
            await self._runner
        self._thread.shutdown()

    async def _run(self) -> None:
        while self._waiting:
            batch = self._take()
            if self._closed:
                for request in batch:
                    _answer(request, EmbeddingAway("the embedder is closed"))
            elif batch:
                await self._encode(batch)

    def _take(self) -> list[_Request]:
        """The oldest requests whose texts fit one batch, at least one; those given up are dropped."""
        batch: list[_Request] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].texts) <= self._max_batch):
            request = self._waiting.popleft()
            if not request.answer.done():
                batch.append(request)
                size += len(request.texts)
        return batch

    async def _encode(self, batch: list[_Request]) -> None:
        loop = asyncio.get_running_loop()
        texts = [text for request in batch for text in request.texts]
        try:
            vectors = await loop.run_in_executor(self._thread, self._model.encode, texts)
        except Exception as error:  # the model's fault belongs to whoever asked, not to this loop
            if len(batch) == 1:
                _answer(batch[0], error)
            else:
                for request in batch:
                    await self._encode([request])
            return
        ends = np.cumsum([len(request.texts) for request in batch])
        for request, rows in zip(batch, np.split(vectors, ends[:-1]), strict=True):
            _answer(request, rows)


def _answer(request: _Request, result: Float32Array | Exception) -> None:
    if request.answer.done():  # given up by its caller
        return
    if isinstance(result, Exception):
        request.answer.set_exception(result)
    else:
        request.answer.set_result(result)
