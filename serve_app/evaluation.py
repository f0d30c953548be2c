"""The real pipeline over labelled sets, in this process and on one scratch database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.scratch import open_scratch_database
from serve_app.settings import Settings

if TYPE_CHECKING:
    from agent.records import TurnDecision
    from crm.database import Database
    from models.embedding import SentenceTransformerEmbedder
    from models.evaluation import EvalResult
    from models.evaluation_cases import EvalCase
    from models.retrieval import RetrievalFigures, RetrievalQuestion

# Enough for the mean reciprocal rank, which ends there.
_ARTICLES = 10

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Bench:
    """A folder's articles, chunked and embedded once for all that is measured on them."""

    settings: Settings
    database: Database
    model: SentenceTransformerEmbedder
    on_progress: OnProgress

    async def decide(self, cases: Sequence[EvalCase]) -> list[EvalResult]:
        """What a turn would do with every case; results in order. Nothing is stored.

        Raises DependencyAway when a model does not answer.
        """
        from agent.turn.turn import run_turn
        from deployments.turn_services import make_policy, make_turn_services
        from models.batching import InProcessEmbedder
        from models.evaluation import run_cases
        from models.evaluation_cases import case_context
        from models.sentiment import LexiconSentiment

        embedder = InProcessEmbedder(self.model)
        try:
            policy = await make_policy(self.settings, embedder, self.model.model_id)
            services = make_turn_services(self.settings, self.database, embedder, LexiconSentiment(), policy)

            async def decide(case: EvalCase) -> TurnDecision:
                context = await case_context(case, services.sentiment, services.policy.negative_threshold)
                return await run_turn(context, services)

            done = 0

            def count() -> None:
                nonlocal done
                done += 1
                self.on_progress("deciding", done, len(cases))

            return await run_cases(cases, decide, on_done=count)
        finally:
            await embedder.close()

    async def compare(self, questions: Sequence[RetrievalQuestion]) -> dict[str, RetrievalFigures]:
        """What each mode of search finds, by its name: dense alone, full text alone, and both."""
        from crm.knowledge import SearchMode
        from models.retrieval import score_retrieval
        from serve_app.knowledge import Query, Searcher

        queries = [Query(question.id, question.query) for question in questions]
        figures = {}
        for mode in (SearchMode.DENSE, SearchMode.TEXT, SearchMode.HYBRID):
            searcher = Searcher(self.settings, self.database, self.model, mode)
            found = await searcher.search(queries, _ARTICLES, self.on_progress)
            slugs = [[passage.slug for passage in passages] for passages in found]
            figures[mode.value] = score_retrieval(questions, slugs)
        return figures


@asynccontextmanager
async def open_bench(settings: Settings, articles: Path, on_progress: OnProgress) -> AsyncIterator[Bench]:
    """Raises BadInput for a folder without articles."""
    from crm.knowledge_sync import sync_folder
    from models.embedding import SentenceTransformerEmbedder

    settings = settings.model_copy(update={"times": settings.times.unhurried()})
    on_progress("loading models", 0, 1)
    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model)
    async with open_scratch_database(settings.times, "fte-eval") as database:
        on_progress("loading models", 1, 1)
        await sync_folder(
            database, model, articles, lambda done, total, _: on_progress("reading articles", done, total)
        )
        yield Bench(settings, database, model, on_progress)


async def decide_cases(
    cases: Sequence[EvalCase], settings: Settings, articles: Path, on_progress: OnProgress
) -> list[EvalResult]:
    """Decide every case from the articles of a folder. Raises as `open_bench` and `Bench.decide` do."""
    async with open_bench(settings, articles, on_progress) as bench:
        return await bench.decide(cases)
