"""The pure core with everything in one process and no Ray: `fte eval`, the benchmark's baseline, tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.turn.services import TurnServices
from agent.workers.turn_worker import TurnWorker
from crm.database import Database
from crm.turns import PostgresTurns
from deployments.turn_services import make_policy, make_turn_services
from models.batching import InProcessEmbedder
from models.sentiment import LexiconSentiment
from serve_app.settings import Settings


@dataclass(frozen=True, slots=True)
class InProcess:
    """What one process needs to answer: `worker` runs turns of stored messages, `services` turns of any context."""

    database: Database
    embedder: InProcessEmbedder
    services: TurnServices
    worker: TurnWorker


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
        policy = await make_policy(settings, embedder, model.model_id)
        services = make_turn_services(settings, used, embedder, LexiconSentiment(), policy)
        worker = TurnWorker(PostgresTurns(used), None, services, settings.times, holder="in-process")
        yield InProcess(used, embedder, services, worker)
        await services.model.close()
    finally:
        await embedder.close()
        if database is None:
            await used.close()
