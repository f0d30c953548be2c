"""Texts to scores from -1 to 1."""

from __future__ import annotations

from ray import serve

from deployments.startup import start_replica
from models.sentiment import LexiconSentiment


@serve.deployment
class Sentiment:
    """Serves `models.sentiment`; any other SentimentScorer takes its place here."""

    async def __init__(self, settings_factory: str) -> None:  # type: ignore[misc]  # Serve awaits it
        start_replica(settings_factory)
        self._scorer = LexiconSentiment()

    async def score(self, texts: list[str]) -> list[float]:
        return await self._scorer.score(texts)
