"""The in-process embedder: requests that arrive while the model is busy share its next call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from agent.errors import EmbeddingAway
from agent.ports import Embeddings, Float32Array
from agent.shared_calls import SharedCalls


class EmbeddingModel(Protocol):
    """What `SentenceTransformerEmbedder` is to those who only encode."""

    @property
    def model_id(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Float32Array: ...


class InProcessEmbedder:
    """Implements agent.ports.Embedder on one thread of this process, for one event loop.

    There is no timer: a lone request starts at once, and what arrives during a call forms the next batch.
    """

    def __init__(self, model: EmbeddingModel, *, max_batch: int = 32) -> None:
        self._model = model
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embed")
        # Whatever the model raises may be one request's fault.
        self._calls = SharedCalls(self._encode, alone=Exception, in_flight=1, max_items=max_batch)
        self._closed = False

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises TextTooLong for a text over the limit; the requests that share its batch are not touched."""
        self._check_open()
        return Embeddings(self._model.model_id, await self._calls.ask(texts))

    async def close(self) -> None:
        """Let the batch in progress end, and refuse what still waits."""
        self._closed = True
        await self._calls.settled()
        self._thread.shutdown()

    async def _encode(self, texts: list[str]) -> Float32Array:
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._model.encode, texts)

    def _check_open(self) -> None:
        if self._closed:
            raise EmbeddingAway("the embedder is closed")
