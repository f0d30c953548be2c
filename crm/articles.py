"""Articles as they are read whole, not as a search finds their parts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.errors import NotFound
from agent.records import Passage
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("articles")


class Articles:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_list(self) -> list[dict[str, str]]:
        """Each article's slug, title and address, by slug."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_article_list"])
        return [dict(row) for row in rows]

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
            Passage(row["slug"], row["title"], row["title"], row["body"], math.nan, 0.0, row["url"])
            for row in map(found.__getitem__, slugs)
        ]
