"""The search of a turn: the best articles, and of the first of them the sections that may hold the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.article_pages import NO_PAGES, ArticlePages
from agent.ports import Embeddings
from agent.records import Passage
from agent.text.synonyms import Synonyms
from crm.database import Database
from crm.knowledge import REVIEW_DAYS, PostgresKnowledge, SearchMode, with_vectors
from crm.queries import load_queries

_QUERIES = load_queries("sections")
_ARTICLES = 3
_SECTIONS = 4


class PostgresSections(PostgresKnowledge):
    """Implements agent.ports.KnowledgeSearch: `limit` articles, the first ones with their nearest sections.

    An article's best chunk by words and meaning comes first, its other sections by meaning after it.
    """

    def __init__(
        self,
        database: Database,
        mode: SearchMode = SearchMode.HYBRID,
        synonyms: Synonyms | None = None,
        is_word: Callable[[str], bool] | None = None,
        *,
        pages: ArticlePages = NO_PAGES,
        review_days: int = REVIEW_DAYS,
    ) -> None:
        super().__init__(database, mode, synonyms, is_word, pages=pages, review_days=review_days)
        self._database = database

    async def search(self, text: str, embeddings: Embeddings, limit: int) -> list[Passage]:
        """More than `limit` passages, of at most `limit` articles. Raises as PostgresKnowledge does."""
        best = await super().search(text, embeddings, limit)
        slugs = [passage.slug for passage in best[:_ARTICLES]]
        if not slugs:
            return best
        async with self._database.connection() as connection:
            sql = with_vectors(_QUERIES["fetch_sections"], await self._table(connection, embeddings.model_id))
            rows = await connection.fetch(sql, slugs, embeddings.vectors[0], _SECTIONS)
        passages: list[Passage] = []
        for passage in best:
            passages.append(passage)
            passages += [
                replace(passage, heading_path=row["heading_path"], body=row["body"], similarity=row["similarity"])
                for row in rows
                if row["slug"] == passage.slug and row["body"] != passage.body
            ]
        return passages
