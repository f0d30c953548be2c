"""Other deployments as ports: a call that fails because its replica is away raises the port's error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from agent.errors import DependencyAway, EmbeddingAway, TextTooLong
from agent.ports import Embeddings
from agent.shared_calls import SharedCalls

# Under load a call of the scorer costs more than what it does, and its turns wait for their vectors meanwhile anyway.
_SCORE_EVERY_S = 0.03


class EmbeddingHandle:
    """Implements ports.Embedder over the embedding deployment; turns that ask at once share calls."""

    def __init__(self, handle: DeploymentHandle, timeout_s: float) -> None:
        self._handle = handle
        self._timeout_s = timeout_s
        # One at a time: a second call would only wait for the model there, with fewer texts than it could have here.
        self._calls = SharedCalls(self._call, _rows, alone=TextTooLong, in_flight=1)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return await self._calls.ask(texts)

    async def _call(self, texts: list[str]) -> Embeddings:
        try:
            async with asyncio.timeout(self._timeout_s):
                embeddings: Embeddings = await self._handle.embed.remote(texts)
        except TextTooLong:  # a RayError too, as Ray hands it on
            raise
        except (RayError, RayServeException, TimeoutError) as error:
            raise EmbeddingAway("the embedding model does not answer now") from error
        return embeddings


class SentimentHandle:
    """Implements ports.SentimentScorer over the sentiment deployment; turns that ask at once share calls."""

    def __init__(self, handle: DeploymentHandle, timeout_s: float) -> None:
        self._handle = handle
        self._timeout_s = timeout_s
        self._calls: SharedCalls[str, list[float]] = SharedCalls(
            self._call, alone=TextTooLong, in_flight=1, every_s=_SCORE_EVERY_S
        )

    async def score(self, texts: Sequence[str]) -> list[float]:
        return await self._calls.ask(texts)

    async def _call(self, texts: list[str]) -> list[float]:
        try:
            async with asyncio.timeout(self._timeout_s):
                scores: list[float] = await self._handle.score.remote(texts)
        except (RayError, RayServeException, TimeoutError) as error:
            raise DependencyAway("the sentiment scorer does not answer now") from error
        return scores


def _rows(embeddings: Embeddings, part: slice) -> Embeddings:
    return Embeddings(embeddings.model_id, embeddings.vectors[part])
