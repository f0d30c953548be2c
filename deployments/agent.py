"""Runs turns: everything of `agent.worker` with the database, the lock actors and the models' handles."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from ray import serve
from ray.serve.handle import DeploymentHandle

from agent.errors import FteError
from agent.pace import TurnPace
from agent.records import CustomerId
from deployments.handles import EmbeddingHandle, SentimentHandle
from deployments.lock_client import ActorLocks
from deployments.off_loop import with_embedder_off_loop
from deployments.startup import start_replica

if TYPE_CHECKING:
    from agent.services import TurnServices


@serve.deployment
class Agent:
    """Many turns at once in one event loop, each of another customer.

    What takes long to import is imported here and not above: whoever builds the application need not wait for it.
    """

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings_factory: str, embedding: DeploymentHandle, sentiment: DeploymentHandle, turns_at_once: int
    ) -> None:
        from agent.worker import TurnWorker
        from crm.database import Database
        from crm.notifier import Notifier
        from crm.turns import PostgresTurns
        from crm.work import OUTBOX_CHANNEL, WorkQueue

        self._settings = settings = start_replica(settings_factory)
        times = settings.times
        self._embedder = EmbeddingHandle(embedding, times.embed_timeout_s)
        self._sentiment = SentimentHandle(sentiment, times.embed_timeout_s)
        self._database = Database(settings.dsn(), times, "fte-agent")
        self._outbox_wake_up = Notifier(WorkQueue(self._database), OUTBOX_CHANNEL)
        self._services: TurnServices | None = None
        self._making_services = asyncio.Lock()
        self._pace = TurnPace(turns_at_once)
        self._warming = asyncio.create_task(self._warm_up())
        self._worker = TurnWorker(
            PostgresTurns(self._database),
            ActorLocks(settings.lock_shards, times),
            self._make_services,
            times,
            holder=serve.get_replica_context().replica_tag,
        )

    async def turn(self, customer_id: CustomerId) -> bool:
        """Run the turn of one burst of this customer; False when nothing came of it and a pause is due."""
        # Nothing is locked or leased while a turn waits for its place.
        entered, overloaded = await self._pace.enter(), None
        try:
            result = await self._worker.process(customer_id)
            if result.status in ("committed", "dependency_away"):
                overloaded = result.status == "dependency_away"
        finally:
            self._pace.leave(entered, overloaded=overloaded)
        if result.status == "committed":
            self._outbox_wake_up.notify()
        return result.status in ("committed", "fence_lost")

    async def __del__(self) -> None:
        self._warming.cancel()
        await self._database.close()

    async def _warm_up(self) -> None:
        """Make the services before the first turn asks for them, as soon as the embedding model is there."""
        while self._services is None:
            try:
                await self._make_services()
            except FteError:
                await asyncio.sleep(self._settings.times.backoff_first_s)

    async def _make_services(self) -> TurnServices:
        """Not in the constructor: the policy needs the embedding model, which may start later."""
        async with self._making_services:
            if self._services is None:
                self._services = await self._load_services()
        return self._services

    async def _load_services(self) -> TurnServices:
        from agent.brand import Brand
        from agent.policy import load_policy
        from agent.services import TurnServices
        from crm.sections import PostgresSections
        from models.language import make_model
        from models.tokens import load_token_counter
        from models.vector_cache import VectorCache

        settings = self._settings
        exemplars = VectorCache(self._embedder, settings.home / "cache" / "vectors")
        # Seconds of computation for thousands of exemplars, which running turns must not wait for.
        rules = settings.knowledge_dir / "escalation_rules.yaml"
        policy = await with_embedder_off_loop(partial(load_policy, rules), exemplars)
        return TurnServices(
            embedder=self._embedder,
            sentiment=self._sentiment,
            search=PostgresSections(self._database),
            policy=policy,
            model=make_model(
                api_key=settings.openai_api_key.get_secret_value(),
                base_url=settings.openai_base_url,
                name=settings.openai_model,
                timeout_s=settings.times.model_timeout_s,
            ),
            brand=Brand.load(settings.knowledge_dir / "brand_voice.md"),
            count_tokens=load_token_counter(settings.embedding_model),
            times=settings.times,
        )
