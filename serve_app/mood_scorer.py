"""The sentiment of texts outside of a turn, as a turn reads them: by their words, and by what they mean."""

from __future__ import annotations

from collections.abc import Sequence

from agent.ports import Embeddings
from agent.text.query import fit_tokens
from agent.turn.services import TurnServices


class MoodScorer:
    """Implements agent.ports.SentimentScorer with what turns work with; it costs an embedding a text."""

    def __init__(self, services: TurnServices) -> None:
        self._services = services

    async def score(self, texts: Sequence[str]) -> list[float]:
        """Raises SentimentAway and EmbeddingAway."""
        services = self._services
        by_words = await services.sentiment.score(texts)
        found = await services.embedder.embed([fit_tokens(text, services.count_tokens) for text in texts])
        return [
            services.policy.sentiment(text, Embeddings(found.model_id, vector[None, :]), score)
            for text, vector, score in zip(texts, found.vectors, by_words, strict=True)
        ]
