"""Filling and searching the knowledge base from this process: the configured one, or a scratch one of a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from models.json_lines import parse_lines
from serve_app.scratch import open_scratch_database
from serve_app.settings import Settings

if TYPE_CHECKING:
    from agent.errors import BadInput
    from agent.records import Passage
    from crm.database import Database
    from crm.knowledge import SearchMode
    from crm.knowledge_review import StaleArticle
    from crm.knowledge_sync import SyncReport
    from models.embedding import SentenceTransformerEmbedder

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

_QUERIES_PER_CALL = 64


class _Line(BaseModel):
    """One line of a file of queries; whatever else it holds is its owner's."""

    model_config = ConfigDict(strict=True)

    id: str | int
    query: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the id that its answer goes back under."""

    id: str | int | None
    text: str


def parse_queries(lines: Sequence[str]) -> list[Query]:
    """Parse JSON lines {"id", "query"}; empty lines do not count. Raises BadInput naming the first bad line."""
    parsed = parse_lines(lines, _Line, hint='; it must be {"id", "query"}')
    return [Query(line.id, line.query) for line in parsed]


async def sync_configured(settings: Settings, folder: Path, on_progress: OnProgress) -> SyncReport:
    """Make the configured knowledge base equal to a folder, to which later starts keep it. Raises what `sync_folder`
    raises."""
    from agent.knowledge.articles import check_folder
    from crm.database import Database
    from serve_app.supervisor.data import FollowedKnowledge

    check_folder(folder)
    database = Database(settings.dsn(), settings.times.unhurried(), "fte-kb")
    try:
        report = await _sync(database, await _load_model(settings, on_progress), folder, on_progress)
    finally:
        await database.close()
    FollowedKnowledge(settings).remember(folder)
    return report


async def stale_articles(settings: Settings, review_days: int) -> list[StaleArticle]:
    """The articles of the configured knowledge base that somebody should look at. Raises DatabaseAway."""
    from crm.database import Database
    from crm.knowledge_review import fetch_stale_articles

    database = Database(settings.dsn(), settings.times, "fte-kb")
    try:
        return await fetch_stale_articles(database, review_days)
    finally:
        await database.close()


async def search_configured(
    settings: Settings, queries: Sequence[Query], limit: int, mode: SearchMode, on_progress: OnProgress
) -> list[list[Passage]]:
    """Search the configured knowledge base; per query, in order, its passages, best first."""
    from crm.database import Database

    database = Database(settings.dsn(), settings.times, "fte-kb")
    try:
        searcher = Searcher(settings, database, await _load_model(settings, on_progress), mode)
        return await searcher.search(queries, limit, on_progress)
    finally:
        await database.close()


async def search_folder(
    settings: Settings,
    folder: Path,
    queries: Sequence[Query],
    limit: int,
    mode: SearchMode,
    on_progress: OnProgress,
) -> tuple[list[list[Passage]], tuple[BadInput, ...]]:
    """Search a folder of articles in a scratch database; also what of the folder could not be read."""
    async with open_scratch_database(settings.times, "fte-kb") as database:
        model = await _load_model(settings, on_progress)
        report = await _sync(database, model, folder, on_progress)
        searcher = Searcher(settings, database, model, mode)
        return await searcher.search(queries, limit, on_progress), report.errors


async def _load_model(settings: Settings, on_progress: OnProgress) -> SentenceTransformerEmbedder:
    on_progress("loading the model", 0, 1)
    from models.embedding import SentenceTransformerEmbedder

    model = await asyncio.to_thread(SentenceTransformerEmbedder, settings.embedding_model)
    on_progress("loading the model", 1, 1)
    return model


async def _sync(
    database: Database, model: SentenceTransformerEmbedder, folder: Path, on_progress: OnProgress
) -> SyncReport:
    from crm.knowledge_sync import sync_folder

    return await sync_folder(
        database, model, folder, lambda done, total, _: on_progress("reading articles", done, total)
    )


class Searcher:
    """Searches as a turn does, many questions at a time."""

    def __init__(
        self, settings: Settings, database: Database, model: SentenceTransformerEmbedder, mode: SearchMode
    ) -> None:
        """Raises ConfigurationInvalid for broken synonyms."""
        from agent.text.synonyms import Synonyms
        from crm.knowledge import PostgresKnowledge
        from models.tokens import whole_words

        synonyms = Synonyms.load(settings.knowledge_dir / "synonyms.yaml")
        self._knowledge = PostgresKnowledge(
            *(database, mode, synonyms, whole_words(model.count_tokens)),
            pages=settings.article_pages,
            review_days=settings.article_review_days,
        )
        self._model = model

    async def search(self, queries: Sequence[Query], limit: int, on_progress: OnProgress) -> list[list[Passage]]:
        """A text without a word finds nothing; of one that is too long, the part that a turn would search for."""
        found: list[list[Passage]] = []
        for start in range(0, len(queries), _QUERIES_PER_CALL):
            found += await self._search_some(
                [query.text for query in queries[start : start + _QUERIES_PER_CALL]], limit
            )
            on_progress("searching", len(found), len(queries))
        return found

    async def _search_some(self, asked: Sequence[str], limit: int) -> list[list[Passage]]:
        from agent.ports import Embeddings
        from agent.text.query import fit_tokens
        from agent.text.synonyms import blend

        count_tokens = self._model.count_tokens
        texts = [fit_tokens(text, count_tokens) for text in asked]
        reworded = [fit_tokens(await self._knowledge.reword(text), count_tokens) for text in texts]
        rows = {text: row for row, text in enumerate(dict.fromkeys([*texts, *reworded]))}
        vectors = await asyncio.to_thread(self._model.encode, list(rows))
        found: list[list[Passage]] = []
        for text, other in zip(texts, reworded, strict=True):
            vector = blend(Embeddings(self._model.model_id, vectors[[rows[text], rows[other]]]))
            both = text if other == text else f"{text}\n{other}"
            found.append(await self._knowledge.search(both, vector, limit) if text.strip() else [])
        return found
