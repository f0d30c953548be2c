"""The pure core with everything in one process and no Ray: `fte eval`, the benchmark's baseline, tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.brand import Brand
from agent.policy import load_policy
from agent.ports import Embedder
from agent.services import TurnServices
from agent.worker import TurnWorker
from crm.database import Database
from crm.sections import PostgresSections
from crm.turns import PostgresTurns
from models.batching import InProcessEmbedder
from models.language import make_model
from models.sentiment import LexiconSentiment
from models.tokens import load_token_counter
from models.vector_cache import VectorCache
from serve_app.settings import Settings


@dataclass(frozen=True, slots=True)
class InProcess:
    """What one process needs to answer: `worker` runs turns of stored messages, `services` turns of any context."""

    database: Database
    embedder: InProcessEmbedder
    services: TurnServices
    worker: TurnWorker


async def build_turn_services(settings: Settings, database: Database, embedder: Embedder) -> TurnServices:
    """Raises ConfigurationInvalid when a shipped file is missing or broken, EmbeddingAway."""
    knowledge = settings.knowledge_dir
    return TurnServices(
        embedder=embedder,
        sentiment=LexiconSentiment(),
        search=PostgresSections(database),
        policy=await load_policy(
            knowledge / "escalation_rules.yaml", VectorCache(embedder, settings.home / "cache" / "vectors")
        ),
        model=make_model(
            api_key=settings.openai_api_key.get_secret_value(),
            base_url=settings.openai_base_url,
            name=settings.openai_model,
            timeout_s=settings.times.model_timeout_s,
        ),
        brand=Brand.load(knowledge / "brand_voice.md"),
        count_tokens=load_token_counter(settings.embedding_model),
        times=settings.times,
    )


@asynccontextmanager
async def open_in_process(
    settings: Settings, *, database: Database | None = None, torch_threads: int | None = None
) -> AsyncIterator[InProcess]:
    """Load the embedding model and connect; closes what it opened. A `database` that is given stays open."""
    from models.embedding import SentenceTransformerEmbedder  # loads torch, which a command's help must not wait for

    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model, torch_threads=torch_threads)
    embedder = InProcessEmbedder(model)
    used = database or Database(settings.dsn(), settings.times, "fte-in-process")
    try:
        services = await build_turn_services(settings, used, embedder)
        worker = TurnWorker(PostgresTurns(used), None, services, settings.times, holder="in-process")
        yield InProcess(used, embedder, services, worker)
    finally:
        await embedder.close()
        if database is None:
            await used.close()
