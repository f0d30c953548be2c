"""Hybrid search over the knowledge base: nearest by meaning (pgvector) and best by words (full text), fused."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from enum import StrEnum

import asyncpg

from agent.article_pages import NO_PAGES, ArticlePages
from agent.errors import ConfigurationInvalid
from agent.knowledge.duplicates import distinct_first
from agent.ports import Embeddings
from agent.records import Passage
from agent.text.spelling import Spellings
from agent.text.synonyms import Synonyms
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("knowledge")
# How long counts of words are used; a sync changes them a little.
_COUNTS_LAST_S = 60.0
# Passages looked at beyond those wanted, to take the places of repetitions.
_SPARE = 5
REVIEW_DAYS = 365
"""An article that nobody has looked at for a year ranks lower, unless the operator says otherwise."""
_TABLE = re.compile(r"vectors_[a-z0-9_]{1,50}")


class SearchMode(StrEnum):
    """What decides: both, or one alone, to measure what each adds."""

    HYBRID = "hybrid"
    DENSE = "dense"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Weights:
    """How a chunk's and an article's score are made; crm/sql/knowledge.sql says what each does.

    The values of hybrid are flat around what they are on the questions that docs/quality.md names.
    """

    words: float
    article_words: float = 0.0
    second_chunk: float = 0.0
    title: float = 0.0
    length: float = 0.0
    expired: float = 0.0
    unverified: float = 0.0


_WEIGHTS = {
    SearchMode.HYBRID: Weights(
        words=0.1, article_words=0.058, second_chunk=0.21, title=0.3, length=0.036, expired=0.02, unverified=0.01
    ),
    SearchMode.DENSE: Weights(words=0.0),
    SearchMode.TEXT: Weights(words=1.0, article_words=1.0),
}


class PostgresKnowledge:
    """Implements agent.ports.KnowledgeSearch: each result is another article, as its best chunk.

    A query's vector is compared only with vectors of its own model (invariant 8).
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
        """Only hybrid search rewords: the other modes show what each half finds by itself.

        `is_word` says of a word in lower case whether it is one at all; without it no slip of the pen is mended.
        `pages`: where customers read the articles.
        `review_days`: how long after its last verification an article counts as verified.
        """
        self._database = database
        self._pages = pages
        self._review_days = review_days
        self._weights = _WEIGHTS[mode]
        self._tables: dict[str, str] = {}
        self._synonyms = synonyms if synonyms is not None and mode is SearchMode.HYBRID else Synonyms()
        self._is_word = is_word if mode is SearchMode.HYBRID else None
        self._spellings = Spellings(())
        self._counts: dict[str, int] = {}
        self._counted_at = -math.inf

    async def reword(self, text: str) -> str:
        """The text in the articles' words and spelling. Asks the database about once a minute. Raises DatabaseAway."""
        if time.monotonic() - self._counted_at > _COUNTS_LAST_S and (self._synonyms.groups or self._is_word):
            await self._learn_words()
        if self._is_word is not None:
            text = self._spellings.mend(text, self._is_word)
        return self._synonyms.reword(text, self._counts)

    async def _learn_words(self) -> None:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_word_counts"], self._synonyms.words)
            written = await connection.fetch(_QUERIES["fetch_spellings"]) if self._is_word is not None else []
        self._counts = {row["word"]: row["chunks"] for row in rows}
        words = {row["word"] for row in written}
        if words != self._spellings.words:
            self._spellings = Spellings(words)
        self._counted_at = time.monotonic()

    async def search(self, text: str, embeddings: Embeddings, limit: int) -> list[Passage]:
        """At most `limit` passages, best first; what repeats a better one comes only where nothing else is left.

        One round trip once the model's table is known.

        Raises DatabaseAway, and ConfigurationInvalid for a model whose vectors are not here.
        """
        if len(embeddings.vectors) != 1:
            raise ValueError(f"a search has one vector, not {len(embeddings.vectors)}")
        async with self._database.connection() as connection:
            table = await self._table(connection, embeddings.model_id)
            sql = with_vectors(_QUERIES["search"], table)
            rows = await connection.fetch(
                *(sql, searched_text(text), embeddings.vectors[0], limit + _SPARE, *astuple(self._weights)),
                self._review_days,
            )
        return distinct_first([self._to_passage(row) for row in rows])[:limit]

    def _to_passage(self, row: asyncpg.Record) -> Passage:
        similarity = row["similarity"]
        return Passage(
            slug=row["slug"],
            title=row["title"],
            heading_path=row["heading_path"],
            body=row["body"],
            similarity=math.nan if similarity is None else similarity,
            score=row["score"],
            url=self._pages.address_of(row["slug"], row["url"], expired=row["expired"]),
            on_our_page=self._pages.is_ours(row["url"], expired=row["expired"]),
        )

    async def _table(self, connection: Connection, model_id: str) -> str:
        if model_id not in self._tables:
            table = await connection.fetchval(_QUERIES["fetch_vectors_table"], model_id)
            if table is None:
                raise ConfigurationInvalid(
                    f"the knowledge base has no vectors of the model {model_id!r}; run `fte kb sync` with it"
                )
            self._tables[model_id] = table
        return self._tables[model_id]


def searched_text(text: str) -> str:
    """What of a query the database can be asked: a lone surrogate or a NUL cannot be in any article either."""
    return text.encode("utf-8", "ignore").decode().replace("\0", " ")


async def register_model(connection: Connection, model_id: str, dimension: int) -> str:
    """Make the model's table of vectors unless it exists, and return its name.

    Raises ConfigurationInvalid when its vectors have another dimension here.
    """
    name = re.sub(r"[^a-z0-9]+", "_", model_id.lower())[-30:].strip("_")
    table = f"vectors_{name}_{hashlib.sha256(model_id.encode()).hexdigest()[:8]}"
    try:
        found: str = await connection.fetchval(_QUERIES["register_model"], model_id, table, dimension)
    except asyncpg.CheckViolationError as error:
        raise ConfigurationInvalid(
            f"the vectors of {model_id!r} do not have {dimension} numbers here; give the changed model a new name"
        ) from error
    return found


def with_vectors(sql: str, table: str) -> str:
    """A query over one model's vectors. Raises ValueError for a name that is no such table's."""
    if not _TABLE.fullmatch(table):
        raise ValueError(f"not a table of vectors: {table!r}")
    return sql.replace("{vectors}", table)
