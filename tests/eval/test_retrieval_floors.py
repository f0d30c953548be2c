"""How often search finds the right article for questions in customers' words, above floors. Without Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.knowledge.articles import read_articles
from models.retrieval import RetrievalFigures, RetrievalQuestion, parse_questions
from serve_app.evaluation import open_bench
from serve_app.settings import load_settings

SET = Path(__file__).with_name("retrieval.jsonl")
ARTICLES = load_settings().knowledge_dir / "articles"


@pytest.fixture(scope="module")
def questions() -> list[RetrievalQuestion]:
    return parse_questions(SET.read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="module")
async def figures(questions: list[RetrievalQuestion]) -> AsyncIterator[dict[str, RetrievalFigures]]:
    async with open_bench(load_settings(), ARTICLES, lambda stage, done, total: None) as bench:
        yield await bench.compare(questions)


def test_the_questions_are_many_and_name_articles_that_exist(questions: list[RetrievalQuestion]) -> None:
    known = {article.slug for article in read_articles(ARTICLES).articles}
    assert len(questions) >= 120
    assert len({question.id for question in questions}) == len(questions)
    assert {slug for question in questions for slug in question.articles} <= known


def test_hybrid_search_finds_the_right_article(figures: dict[str, RetrievalFigures]) -> None:
    hybrid = figures["hybrid"]
    assert hybrid.hit_at_1 >= 0.58
    assert hybrid.hit_at_5 >= 0.81
    assert hybrid.mrr >= 0.69


def test_hybrid_ranks_better_than_either_half_alone(figures: dict[str, RetrievalFigures]) -> None:
    hybrid, dense, text = figures["hybrid"], figures["dense"], figures["text"]
    assert hybrid.mrr > dense.mrr > text.mrr
    assert hybrid.hit_at_5 >= dense.hit_at_5 > text.hit_at_5
    assert hybrid.hit_at_1 > dense.hit_at_1 > text.hit_at_1
