"""Synchronise a folder of articles: what changed is chunked and embedded anew, what was deleted goes.

Each article is one transaction and the rest is repeatable, so a crash leaves a usable knowledge base and the
next run finishes the work.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pgvector import Vector

from agent.errors import BadInput
from agent.knowledge import chunking
from agent.knowledge.articles import read_articles
from agent.knowledge.chunking import chunk_article, embedding_text
from agent.ports import Float32Array
from agent.records import Article, Chunk
from crm.database import Connection, Database
from crm.knowledge import register_model, with_vectors
from crm.queries import load_queries

_QUERIES = load_queries("knowledge")

# As long as lift_timeout allows; for 100,000 chunks it takes seconds.
_COUNT_WORDS_S = 300.0

OnProgress = Callable[[int, int, str], None]
"""Called with articles done, articles to do, and the slug in hand."""


class EncodingModel(Protocol):
    """An embedding model in this process, such as models.embedding.SentenceTransformerEmbedder."""

    @property
    def model_id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def count_tokens(self, text: str) -> int: ...

    def encode(self, texts: Sequence[str]) -> Float32Array: ...


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did. `errors` name the files that are no articles; what is stored of them stays. `unpublished` counts
    those that are not for customers, of which nothing stays."""

    articles: int
    changed: int
    deleted: int
    chunks_embedded: int
    errors: tuple[BadInput, ...]
    unpublished: int = 0


async def sync_folder(
    database: Database, model: EncodingModel, folder: Path, on_progress: OnProgress | None = None
) -> SyncReport:
    """Make the knowledge base equal to the folder, for one embedding model.

    Raises BadInput when the folder holds no article (a mistyped path must not empty the knowledge base).
    """
    found = await asyncio.to_thread(read_articles, folder)
    if not found.articles:
        none = "all of it is marked as not for customers" if found.unpublished else "it has no .md, .mdx or .txt file"
        problem = str(found.errors[0]) if found.errors else none
        raise BadInput(str(folder), f"holds no article: {problem}")
    writer = _Writer(database, model)
    changed = await writer.find_changed(found.articles)
    for done, article in enumerate(changed):
        if on_progress is not None:
            on_progress(done, len(changed), article.slug)
        await writer.write(article)
    if on_progress is not None:
        on_progress(len(changed), len(changed), "")
    kept = {article.slug for article in found.articles}
    kept |= {Path(error.field).with_suffix("").as_posix() for error in found.errors}
    deleted = await writer.finish(kept)
    counts = (len(found.articles), len(changed), deleted, writer.chunks_embedded)
    return SyncReport(*counts, found.errors, len(found.unpublished))


class _Writer:
    def __init__(self, database: Database, model: EncodingModel) -> None:
        self._database = database
        self._model = model
        self._table = ""
        self.chunks_embedded = 0

    async def find_changed(self, articles: Sequence[Article]) -> list[Article]:
        """The articles that are new, changed, or lack vectors of the model."""
        async with self._database.transaction() as connection:
            self._table = await register_model(connection, self._model.model_id, self._model.dimension)
            rows = await connection.fetch(_QUERIES["fetch_article_hashes"])
            bare = await connection.fetch(self._sql("fetch_articles_to_embed"))
        stored = {row["slug"]: row["content_hash"] for row in rows}
        to_embed = {row["slug"] for row in bare}
        return [
            article
            for article in articles
            if stored.get(article.slug) != self._made_from(article) or article.slug in to_embed
        ]

    async def write(self, article: Article) -> None:
        chunks = await asyncio.to_thread(chunk_article, article, self._model.count_tokens, self._model.max_tokens)
        hashes = _chunk_hashes(chunks)
        async with self._database.connection() as connection:
            rows = await connection.fetch(self._sql("fetch_chunk_hashes"), article.slug)
        embedded = {row["content_hash"] for row in rows}
        new = [index for index, digest in enumerate(hashes) if digest not in embedded]
        texts = [embedding_text(chunks[index].heading_path, chunks[index].body) for index in new]
        *vectors, title = await asyncio.to_thread(self._model.encode, [*texts, self._title_text(article)])
        async with self._database.transaction() as connection:
            await connection.execute(_QUERIES["lock_knowledge"])
            await self._write_chunks(connection, article, chunks, hashes)
            # An array of arrays would be sent as one array of two dimensions.
            rows = [Vector(vector) for vector in vectors]
            await connection.execute(self._sql("insert_vectors"), article.slug, [hashes[index] for index in new], rows)
            await connection.execute(self._sql("update_title_vector"), article.slug, title)
        self.chunks_embedded += len(new)

    async def _write_chunks(
        self, connection: Connection, article: Article, chunks: Sequence[Chunk], hashes: Sequence[bytes]
    ) -> None:
        slug, positions = article.slug, [chunk.position for chunk in chunks]
        await connection.execute(
            _QUERIES["upsert_article"],
            slug,
            article.title,
            article.body,
            article.url,
            self._made_from(article),
            article.last_verified_at,
            article.valid_until,
            article.category,
        )
        await connection.execute(_QUERIES["park_chunks"], slug)
        await connection.execute(_QUERIES["keep_chunks"], slug, positions, hashes)
        await connection.execute(_QUERIES["delete_parked_chunks"], slug)
        paths, bodies = [chunk.heading_path for chunk in chunks], [chunk.body for chunk in chunks]
        await connection.execute(_QUERIES["insert_chunks"], slug, positions, paths, bodies, hashes)

    async def finish(self, kept: set[str]) -> int:
        """Delete the articles that are gone and count the words anew; how many were deleted."""
        async with self._database.transaction() as connection:
            await connection.execute(_QUERIES["lift_timeout"])
            await connection.execute(_QUERIES["lock_knowledge"])
            stored = await connection.fetch(_QUERIES["fetch_article_hashes"])
            gone = [row["slug"] for row in stored if row["slug"] not in kept]
            await connection.execute(_QUERIES["delete_articles"], gone)
            await connection.execute(_QUERIES["delete_words"])
            await connection.execute(_QUERIES["insert_words"], timeout=_COUNT_WORDS_S)
            await connection.execute(_QUERIES["count_article_words"], timeout=_COUNT_WORDS_S)
            await connection.execute(_QUERIES["delete_spellings"])
            await connection.execute(_QUERIES["insert_spellings"], timeout=_COUNT_WORDS_S)
        return len(gone)

    def _title_text(self, article: Article) -> str:
        """What the article is called and where it stands: folders often say what a title like 'Overview' omits."""
        text = f"{article.title}. {re.sub(r'[-_/.]+', ' ', article.slug)}"
        fits = self._model.count_tokens(text) <= self._model.max_tokens
        return text if fits else article.title[: self._model.max_tokens // 2]

    def _made_from(self, article: Article) -> bytes:
        """What decides whether stored chunks are still right: the article and how it is cut."""
        cut = f"{chunking.VERSION}:{self._model.max_tokens}".encode()
        return hashlib.sha256(cut + article.content_hash).digest()

    def _sql(self, name: str) -> str:
        return with_vectors(_QUERIES[name], self._table)


def _chunk_hashes(chunks: Sequence[Chunk]) -> list[bytes]:
    """One per chunk, distinct even where an article says the same twice."""
    hashes: list[bytes] = []
    times: dict[bytes, int] = {}
    for chunk in chunks:
        text = embedding_text(chunk.heading_path, chunk.body).encode()
        before = times.get(text, 0)
        times[text] = before + 1
        hashes.append(hashlib.sha256(text + b"\0%d" % before).digest())
    return hashes
