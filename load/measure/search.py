"""Search over a large knowledge base: how fast, and how near to the exact answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agent.ports import Embeddings
from agent.times import Times
from crm.database import Database
from crm.knowledge import PostgresKnowledge, with_vectors
from crm.queries import load_queries
from load.large_knowledge import LargeKnowledge, fill_knowledge
from load.percentiles import Percentiles, percentiles
from load.results import Figure, Section, Table
from serve_app.scratch import open_scratch_database
from serve_app.settings import CHECKOUT

CHUNKS = 100_000
_SEED = 11
_NEAREST = 10
_ARTICLES = 5
_ROUNDS = 3
_QUERIES = load_queries("knowledge")


async def measure_search(
    progress: Callable[[str], None] = lambda _: None, *, chunks: int = CHUNKS, articles: Path | None = None
) -> Section:
    """Needs no running system: the database is a scratch one on an embedded server."""
    async with open_scratch_database(Times(), "fte-bench-search") as database:
        knowledge = await fill_knowledge(
            database, articles or CHECKOUT / "knowledge" / "articles", chunks, seed=_SEED, progress=progress
        )
        progress("searching")
        dense, found = await _dense(database, knowledge)
        hybrid = await _hybrid(database, knowledge)
    exact = _exact(knowledge)
    recall = float(np.mean([len(set(a) & set(b)) / _NEAREST for a, b in zip(found, exact, strict=True)]))
    return Section(
        name="search",
        title=f"Search over {chunks:,} chunks",
        method=(
            f"Vectors of the shipped articles, mixed in pairs and moved; {len(knowledge.questions)} questions "
            f"made of their headings, each {_ROUNDS} times, one after the other over one connection. Dense: the "
            f"{_NEAREST} nearest chunks through the HNSW index; recall against the exact scan. Hybrid: the product's "
            f"whole search for {_ARTICLES} articles, with full text and fusion."
        ),
        figures=(
            Figure("dense search p95", dense.p95, "ms", at_most=20),
            Figure(f"recall@{_NEAREST} against the exact scan", recall, "", at_least=0.98),
            Figure("hybrid search p95", hybrid.p95, "ms"),
            Figure("index build", knowledge.build_s, "s"),
            Figure("index size", knowledge.index_mb, "MB"),
        ),
        tables=(
            Table(
                "Milliseconds at the client",
                ("search", "searches", "p50", "p95", "p99", "max"),
                (_row("dense", dense), _row("hybrid", hybrid)),
            ),
        ),
    )


def _row(name: str, times: Percentiles) -> tuple[str, int, float, float, float, float]:
    return (name, times.count, times.p50, times.p95, times.p99, times.max)


async def _dense(database: Database, knowledge: LargeKnowledge) -> tuple[Percentiles, list[list[int]]]:
    """Times of all rounds but the first, which warms the cache, and the rows that were found."""
    times_ms: list[float] = []
    found: list[list[int]] = []
    async with database.connection() as connection:
        table = await connection.fetchval(_QUERIES["fetch_vectors_table"], knowledge.model_id)
        sql = with_vectors(_QUERIES["fetch_nearest_chunks"], table)
        for number in range(_ROUNDS + 1):
            for vector in knowledge.question_vectors:
                began = time.perf_counter()
                rows = await connection.fetch(sql, vector, _NEAREST)
                if number:
                    times_ms.append((time.perf_counter() - began) * 1000)
                else:
                    found.append([row["chunk_id"] - 1 for row in rows])
    return percentiles(times_ms), found


async def _hybrid(database: Database, knowledge: LargeKnowledge) -> Percentiles:
    search = PostgresKnowledge(database)
    times_ms: list[float] = []
    for number in range(_ROUNDS + 1):
        for index, question in enumerate(knowledge.questions):
            embeddings = Embeddings(knowledge.model_id, knowledge.question_vectors[index : index + 1])
            began = time.perf_counter()
            await search.search(question, embeddings, _ARTICLES)
            if number:
                times_ms.append((time.perf_counter() - began) * 1000)
    return percentiles(times_ms)


def _exact(knowledge: LargeKnowledge) -> list[list[int]]:
    similarities = knowledge.question_vectors @ knowledge.vectors.T
    return [[int(row) for row in np.argpartition(-scores, _NEAREST)[:_NEAREST]] for scores in similarities]
