"""A knowledge base of any size out of real texts: perturbed vectors of the shipped articles, sentences mixed anew."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import numpy as np

from agent.knowledge.articles import read_articles
from agent.knowledge.chunking import chunk_article, embedding_text
from agent.ports import Float32Array
from agent.records import Chunk
from crm.database import Database
from crm.knowledge import register_model, with_vectors
from crm.queries import load_queries
from models.embedding import SentenceTransformerEmbedder

_QUERIES = load_queries("large_knowledge", Path(__file__).parent / "sql")
_KNOWLEDGE = load_queries("knowledge")
CHUNKS_PER_ARTICLE = 10
_ROWS_PER_INSERT = 5_000
_BUILD_LIMIT_S = 900.0
# A made-up chunk is a mix of two real ones, and this far from it: about as near to its neighbours as real chunks
# of one subject are, so that the index has clusters to find its way through.
_NOISE = 0.5


@dataclass(frozen=True, slots=True)
class LargeKnowledge:
    """What was made: `vectors[i]` belongs to the chunk with id i + 1, and `questions` to `question_vectors`."""

    vectors: Float32Array
    questions: Sequence[str]
    question_vectors: Float32Array
    model_id: str
    build_s: float
    index_mb: float


async def fill_knowledge(
    database: Database, articles: Path, size: int, *, seed: int, progress: Callable[[str], None]
) -> LargeKnowledge:
    """Fill an empty database with `size` chunks, and make one question of each real section."""
    progress("embedding the real chunks")
    model = await asyncio.to_thread(SentenceTransformerEmbedder)
    real = [
        chunk
        for article in read_articles(articles).articles
        for chunk in chunk_article(article, model.count_tokens, model.max_tokens)
    ]
    real_vectors = model.encode([embedding_text(chunk.heading_path, chunk.body) for chunk in real])
    questions = [f"How does this work: {chunk.heading_path.rsplit(' > ', 1)[-1].lower()}?" for chunk in real]
    vectors = perturb(real_vectors, size, np.random.default_rng(seed))
    progress(f"storing {size:,} chunks")
    async with database.connection() as connection:
        table = await register_model(connection, model.model_id, model.dimension)
        definition = await connection.fetchval(_QUERIES["fetch_index_definition"], f"{table}_hnsw")
        await connection.execute(with_vectors(_QUERIES["drop_index"], table))
        await connection.execute(_QUERIES["prepare_build"])
        await _store(connection, table, real, vectors, random.Random(seed))
        progress("building the index")
        began = time.perf_counter()
        await connection.execute(definition, timeout=_BUILD_LIMIT_S)
        build_s = time.perf_counter() - began
        await connection.execute(_KNOWLEDGE["insert_words"], timeout=_BUILD_LIMIT_S)
        await connection.execute(_KNOWLEDGE["count_article_words"], timeout=_BUILD_LIMIT_S)
        await connection.execute(with_vectors(_QUERIES["analyze"], table), timeout=_BUILD_LIMIT_S)
        index_bytes = await connection.fetchval(_QUERIES["fetch_index_size"], f"{table}_hnsw")
    return LargeKnowledge(vectors, questions, model.encode(questions), model.model_id, build_s, index_bytes / 2**20)


def perturb(real: Float32Array, size: int, generator: np.random.Generator) -> Float32Array:
    """`size` unit vectors, each between two real ones and moved in a random direction."""
    pairs = generator.integers(len(real), size=(size, 2))
    share = generator.uniform(0.5, 1, size=(size, 1)).astype(np.float32)
    mixed = share * real[pairs[:, 0]] + (1 - share) * real[pairs[:, 1]]
    noise = generator.standard_normal((size, real.shape[1]), dtype=np.float32)
    mixed += _NOISE * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), dtype=np.float32)


async def _store(
    connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy,
    table: str,
    real: Sequence[Chunk],
    vectors: Float32Array,
    random_source: random.Random,
) -> None:
    size = len(vectors)
    await connection.execute(_QUERIES["insert_articles"], -(-size // CHUNKS_PER_ARTICLE), timeout=_BUILD_LIMIT_S)
    sentences = [re.findall(r"[^.!?\n]+[.!?]?", chunk.body) or [chunk.body] for chunk in real]
    for start in range(0, size, _ROWS_PER_INSERT):
        rows = range(start, min(start + _ROWS_PER_INSERT, size))
        heads = [random_source.choice(real).heading_path for _ in rows]
        bodies = [_mixed_text(sentences, random_source) for _ in rows]
        await connection.execute(
            _QUERIES["insert_chunks"],
            [row + 1 for row in rows],
            [f"article-{row // CHUNKS_PER_ARTICLE}" for row in rows],
            [row % CHUNKS_PER_ARTICLE for row in rows],
            heads,
            bodies,
            timeout=_BUILD_LIMIT_S,
        )
        await connection.copy_records_to_table(
            table,
            records=((row + 1, vectors[row], vectors[row] if row % CHUNKS_PER_ARTICLE == 0 else None) for row in rows),
            columns=("chunk_id", "embedding", "title_embedding"),
            timeout=_BUILD_LIMIT_S,
        )


def _mixed_text(sentences: Sequence[Sequence[str]], random_source: random.Random) -> str:
    """About as long as a real chunk: some sentences of three of them."""
    chosen = [random_source.choice(sentences) for _ in range(3)]
    return " ".join(sentence.strip() for each in chosen for sentence in random_source.sample(each, min(3, len(each))))
