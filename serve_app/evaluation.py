"""The real pipeline over labelled sets, in this process and on one scratch database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from models.metering import Usage
from serve_app.scratch import open_scratch_database
from serve_app.settings import Settings

if TYPE_CHECKING:
    from agent.records import Article, TurnDecision
    from agent.turn.services import TurnServices
    from crm.database import Database
    from models.conversations import ConversationCase, Replay
    from models.embedding import SentenceTransformerEmbedder
    from models.evaluation import EvalResult
    from models.evaluation_cases import EvalCase
    from models.report.figures import Observed
    from models.retrieval import RetrievalFigures, RetrievalQuestion
    from serve_app.replaying import CustomerOf

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
    articles: Sequence[Article] = ()
    usage: Usage = field(default_factory=Usage)

    async def decide(self, cases: Sequence[EvalCase]) -> list[EvalResult]:
        """What a turn would do with every case; results in order. Nothing is stored.

        Raises DependencyAway when a model does not answer.
        """
        async with self.open_services() as services:
            return (await self.observe(cases, services))[0]

    async def observe(
        self, cases: Sequence[EvalCase], services: TurnServices
    ) -> tuple[list[EvalResult], list[Observed]]:
        """As `decide`, and what each decision took; four cases at once, which their times show."""
        from agent.turn.turn import run_turn
        from models.evaluation import run_cases
        from models.evaluation_cases import case_context
        from models.report.figures import Observed
        from serve_app.grounding import Grounding
        from serve_app.mood_scorer import MoodScorer

        grounding = Grounding(self.articles, services.brand)
        scorer = MoodScorer(services)
        observed: dict[int, Observed] = {}

        async def decide(case: EvalCase) -> TurnDecision:
            context = await case_context(case, scorer, services.policy.negative_threshold)
            began = time.perf_counter()
            decision = await run_turn(context, services)
            ms = (time.perf_counter() - began) * 1000
            support = grounding.measure(context, decision)
            counted = (support.supported, support.sentences) if support else (0, 0)
            observed[id(case)] = Observed(ms, decision.model_calls, *counted)
            return decision

        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.on_progress("deciding", done, len(cases))

        results = await run_cases(cases, decide, on_done=count)
        return results, [observed[id(case)] for case in cases]

    @asynccontextmanager
    async def open_services(self) -> AsyncIterator[TurnServices]:
        """What turns work with, in this process; what their language model is asked is counted in `usage`."""
        from deployments.turn_services import make_policy, make_turn_services
        from models.batching import InProcessEmbedder
        from models.metering import MeteredModel
        from models.sentiment import LexiconSentiment

        embedder = InProcessEmbedder(self.model)
        try:
            policy = await make_policy(self.settings, embedder, self.model.model_id)
            services = make_turn_services(self.settings, self.database, embedder, LexiconSentiment(), policy)
            # Without terms: a model that is away ends the evaluation, and nothing answers in its place. No turn
            # commits, so nothing would be settled under the day's ceiling either.
            yield replace(services, model=MeteredModel(services.model, self.usage), model_terms=None)
        finally:
            await embedder.close()

    async def replay(
        self, cases: Sequence[ConversationCase], times: int, services: TurnServices, customer_of: CustomerOf
    ) -> dict[str, list[Replay]]:
        """Conversations so many times each, one after the other. Raises DependencyAway."""
        from serve_app.grounding import Grounding
        from serve_app.replaying import Replayer, replay_all

        replayer = Replayer(self.database, services, Grounding(self.articles, services.brand), customer_of)
        return await replay_all(replayer, cases, times, lambda done, total: self.on_progress("replaying", done, total))

    async def compare(self, questions: Sequence[RetrievalQuestion]) -> dict[str, RetrievalFigures]:
        """The figures of each mode of search, by its name: dense alone, full text alone, and both."""
        from models.retrieval import score_retrieval

        return {mode: score_retrieval(questions, found) for mode, found in (await self.retrieve(questions)).items()}

    async def retrieve(self, questions: Sequence[RetrievalQuestion]) -> dict[str, list[list[str]]]:
        """The articles that each mode of search finds for every question, best first."""
        from crm.knowledge import SearchMode
        from serve_app.knowledge import Query, Searcher

        queries = [Query(question.id, question.query) for question in questions]
        modes = {}
        for mode in (SearchMode.DENSE, SearchMode.TEXT, SearchMode.HYBRID):
            searcher = Searcher(self.settings, self.database, self.model, mode)
            found = await searcher.search(queries, _ARTICLES, self.on_progress)
            modes[mode.value] = [[passage.slug for passage in passages] for passages in found]
        return modes


@asynccontextmanager
async def open_bench(settings: Settings, articles: Path, on_progress: OnProgress) -> AsyncIterator[Bench]:
    """Raises BadInput for a folder without articles."""
    from agent.knowledge.articles import read_articles
    from crm.knowledge_sync import sync_folder
    from models.embedding import SentenceTransformerEmbedder

    # Where articles are shown is no part of what is measured.
    unlinked = {"help_center_url": "", "help_pages_given": False}
    settings = settings.model_copy(update={"times": settings.times.unhurried(), **unlinked})
    on_progress("loading models", 0, 1)
    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model)
    async with open_scratch_database(settings.times, "fte-eval") as database:
        on_progress("loading models", 1, 1)
        await sync_folder(
            database, model, articles, lambda done, total, _: on_progress("reading articles", done, total)
        )
        found = await asyncio.to_thread(read_articles, articles)
        yield Bench(settings, database, model, on_progress, found.articles)


async def decide_cases(
    cases: Sequence[EvalCase], settings: Settings, articles: Path, on_progress: OnProgress
) -> list[EvalResult]:
    """Decide every case from the articles of a folder. Raises as `open_bench` and `Bench.decide` do."""
    async with open_bench(settings, articles, on_progress) as bench:
        return await bench.decide(cases)
