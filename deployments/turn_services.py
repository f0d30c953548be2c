"""What turns work with: made as soon as it can be, and kept for the embedding model that answers now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from agent.errors import FteError
from agent.log_fields import leave_log_fields
from agent.policy.policy import EscalationPolicy, load_policy
from agent.ports import Embedder, Embeddings, SentimentScorer
from agent.reply.brand import Brand
from agent.service.hours import HoursOf, no_hours
from agent.text.synonyms import Synonyms
from agent.turn.services import TurnServices
from crm.database import Database
from crm.knowledge import SearchMode
from crm.sections import PostgresSections
from deployments.language_model import make_configured_model, model_terms, prompt_size
from deployments.off_loop import with_embedder_off_loop
from deployments.startup import ReplicaSettings
from models.remote_model import RemoteModel
from models.tokens import load_token_counter, whole_words
from models.vector_cache import FileArrays, VectorCache

_LOG = logging.getLogger(__name__)


async def make_policy(settings: ReplicaSettings, embedder: Embedder, expected_model: str | None) -> EscalationPolicy:
    """Fit the rules off this event loop; with the expected model's vectors on disk, `embedder` is not asked.

    Raises ConfigurationInvalid for broken rules, or when another model than the expected one answers; EmbeddingAway.
    """
    folder = settings.home / "cache" / "vectors"
    exemplars = VectorCache(embedder, folder, expected_model)
    rules = settings.knowledge_dir / "escalation_rules.yaml"
    # A second of computation over thousands of exemplars, which running turns must not wait for.
    return await with_embedder_off_loop(partial(load_policy, rules, fits=FileArrays(folder)), exemplars)


def make_turn_services(
    settings: ReplicaSettings,
    database: Database,
    embedder: Embedder,
    sentiment: SentimentScorer,
    policy: EscalationPolicy,
    opening_hours: HoursOf = no_hours,
) -> TurnServices:
    """Raises ConfigurationInvalid when a shipped file is missing or broken."""
    count_tokens = load_token_counter(settings.embedding_model)
    synonyms = Synonyms.load(settings.knowledge_dir / "synonyms.yaml")
    return TurnServices(
        embedder=embedder,
        sentiment=sentiment,
        search=PostgresSections(
            *(database, SearchMode.HYBRID, synonyms, whole_words(count_tokens)),
            pages=settings.article_pages,
            review_days=settings.article_review_days,
        ),
        policy=policy,
        model=make_configured_model(settings),
        model_terms=model_terms(settings, database),
        prompt=prompt_size(settings),
        brand=Brand.load(settings.knowledge_dir / "brand_voice.md"),
        count_tokens=count_tokens,
        times=settings.times,
        opening_hours=opening_hours,
    )


class LiveTurnServices:
    """The services of one replica. Made for the configured embedding model without waiting for it; when another one
    answers (the operator swapped it), the policy is fitted for that one in the background, and until then judges by
    wording alone (invariant 8)."""

    def __init__(
        self,
        settings: ReplicaSettings,
        database: Database,
        embedder: Embedder,
        sentiment: SentimentScorer,
        opening_hours: HoursOf = no_hours,
    ) -> None:
        self._settings = settings
        self._opening_hours = opening_hours
        self._database = database
        self._sentiment = sentiment
        self._plain_embedder = embedder
        self._embedder = _WatchedEmbedder(embedder, self._on_model)
        self._expected_model: str | None = settings.embedding_model
        self._services: TurnServices | None = None
        self._policy_model = ""
        self._making = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None

    @property
    def model_resting(self) -> bool:
        """Whether a failing language model is left alone now."""
        model = None if self._services is None else self._services.model
        return isinstance(model, RemoteModel) and model.is_resting

    def start(self) -> None:
        """Begin to make the services, before the first turn asks for them."""
        self._background = asyncio.create_task(self._warm_up())

    async def get(self) -> TurnServices:
        """Raises FteError while they cannot be made; asked again, it tries again."""
        async with self._making:
            if self._services is None:
                policy = await self._make_policy()
                self._services = make_turn_services(
                    *(self._settings, self._database, self._embedder, self._sentiment, policy), self._opening_hours
                )
        return self._services

    async def settled(self) -> None:
        """Wait until nothing is made or fitted in the background."""
        if self._background is not None:
            await asyncio.wait([self._background])

    async def close(self) -> None:
        if self._background is not None:
            self._background.cancel()
            await asyncio.wait([self._background])
        if self._services is not None:
            await self._services.model.close()

    async def _warm_up(self) -> None:
        while self._services is None:
            try:
                await self.get()
            except FteError:
                await asyncio.sleep(self._settings.times.backoff_first_s)

    async def _make_policy(self) -> EscalationPolicy:
        # Expected once only: when that fails, whoever answers says which model it is.
        expected, self._expected_model = self._expected_model, None
        policy = await make_policy(self._settings, self._plain_embedder, expected)
        self._policy_model = policy.model_id
        return policy

    def _on_model(self, model_id: str) -> None:
        """Another model answered than the policy knows: fit it anew, one fit at a time."""
        idle = self._background is None or self._background.done()
        if self._services is not None and idle and model_id != self._policy_model:
            _LOG.info("the embedding model %s answers; the policy is fitted for it", model_id)
            self._background = asyncio.create_task(self._refit())

    async def _refit(self) -> None:
        leave_log_fields()
        assert self._services is not None, "there is something to replace"
        try:
            self._services = replace(self._services, policy=await self._make_policy())
        except FteError as error:
            _LOG.warning("the policy still judges by wording alone: %s", error)
            # The next turn that sees the model tries again, but not at once.
            await asyncio.sleep(self._settings.times.backoff_cap_s)


class _WatchedEmbedder:
    """An embedder that tells which model answered."""

    def __init__(self, embedder: Embedder, on_model: Callable[[str], None]) -> None:
        self._embedder = embedder
        self._on_model = on_model

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        embeddings = await self._embedder.embed(texts)
        self._on_model(embeddings.model_id)
        return embeddings
