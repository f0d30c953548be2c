"""Articles as they are read whole, not as a search finds their parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from agent.article_pages import NO_PAGES, ArticlePages
from agent.errors import NotFound
from agent.records import Passage
from crm.database import Database
from crm.knowledge import searched_text
from crm.queries import load_queries

_QUERIES = load_queries("articles")


@dataclass(frozen=True, slots=True)
class ArticleEntry:
    """A current article in a table of contents. `content_hash` changes with anything of it but its slug."""

    slug: str
    title: str
    category: str
    content_hash: bytes
    last_verified_at: datetime | None
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class ArticleFound:
    """An article and the chunk of it that has most of a query's words."""

    slug: str
    title: str
    heading_path: str
    body: str


class Articles:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database, pages: ArticlePages = NO_PAGES) -> None:
        """`pages`: where customers read the articles."""
        self._database = database
        self._pages = pages

    async def fetch_list(self) -> list[dict[str, str]]:
        """Each article's slug, title and address, by slug."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_article_list"])
        return [{"slug": row["slug"], "title": row["title"], "url": self._address(row)} for row in rows]

    async def fetch(self, slugs: Sequence[str]) -> list[Passage]:
        """Whole articles in the order of `slugs`, as passages of no search. Raises NotFound naming one that is none."""
        if not slugs:
            return []
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_articles"], list(slugs))
        found = {row["slug"]: row for row in rows}
        for slug in slugs:
            if slug not in found:
                raise NotFound(f"no article {slug!r}")
        return [
            Passage(
                *(row["slug"], row["title"], row["title"], row["body"], math.nan, 0.0),
                url=self._address(row),
                on_our_page=self._pages.is_ours(row["url"], expired=row["expired"]),
            )
            for row in map(found.__getitem__, slugs)
        ]

    def _address(self, row: asyncpg.Record) -> str:
        return self._pages.address_of(row["slug"], row["url"], expired=row["expired"])

    async def fetch_current(self) -> list[ArticleEntry]:
        """What customers may read, by category and title; what has none comes last."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_current_articles"])
        return [ArticleEntry(**row) for row in rows]

    async def fetch_body(self, entry: ArticleEntry) -> str | None:
        """The article's Markdown; None when it has changed since, or is gone."""
        async with self._database.connection() as connection:
            body: str | None = await connection.fetchval(_QUERIES["fetch_body"], entry.slug, entry.content_hash)
        return body

    async def search(self, query: str, limit: int) -> list[ArticleFound]:
        """The current articles that have most of the words, best first. No embedding model is asked."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["search_articles"], searched_text(query), limit)
        return [ArticleFound(**row) for row in rows]
