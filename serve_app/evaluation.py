"""The real pipeline over evaluation cases, in this process and on a scratch database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.scratch import open_scratch_database
from serve_app.settings import Settings

if TYPE_CHECKING:
    from agent.records import TurnDecision
    from models.evaluation import EvalResult
    from models.evaluation_cases import EvalCase

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


async def decide_cases(
    cases: Sequence[EvalCase], settings: Settings, articles: Path, on_progress: OnProgress
) -> list[EvalResult]:
    """Decide every case from the articles of a folder; results in order. Nothing is stored.

    Raises BadInput for a folder without articles, DependencyAway when a model does not answer.
    """
    from agent.turn.turn import run_turn
    from crm.knowledge_sync import sync_folder
    from deployments.turn_services import make_policy, make_turn_services
    from models.batching import InProcessEmbedder
    from models.embedding import SentenceTransformerEmbedder
    from models.evaluation import run_cases
    from models.evaluation_cases import case_context
    from models.sentiment import LexiconSentiment

    settings = settings.model_copy(update={"times": settings.times.unhurried()})
    on_progress("loading models", 0, 1)
    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model)
    async with open_scratch_database(settings.times, "fte-eval") as database:
        on_progress("loading models", 1, 1)
        await sync_folder(
            database, model, articles, lambda done, total, _: on_progress("reading articles", done, total)
        )
        embedder = InProcessEmbedder(model)
        try:
            policy = await make_policy(settings, embedder, model.model_id)
            services = make_turn_services(settings, database, embedder, LexiconSentiment(), policy)

            async def decide(case: EvalCase) -> TurnDecision:
                context = await case_context(case, services.sentiment, services.policy.negative_threshold)
                return await run_turn(context, services)

            done = 0

            def count() -> None:
                nonlocal done
                done += 1
                on_progress("deciding", done, len(cases))

            return await run_cases(cases, decide, on_done=count)
        finally:
            await embedder.close()
