"""How often search finds the right article for questions in customers' words, above floors. Without Ray."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.knowledge.articles import read_articles
from agent.policy.rules import read_rules
from agent.text.words import STOPWORDS
from crm.knowledge import SearchMode
from models.retrieval import RetrievalFigures, RetrievalQuestion, parse_questions, score_retrieval
from models.tokens import DEFAULT_MODEL
from serve_app.evaluation import Bench, open_bench
from serve_app.knowledge import Query, Searcher, parse_queries
from serve_app.settings import load_settings
from serve_app.thresholds import LEAST_MATCHED, measure_match

UNANSWERABLE = Path(__file__).parent / "retrieval" / "unanswerable.jsonl"
RULES = load_settings().knowledge_dir / "escalation_rules.yaml"
# Hundredths: quantised vectors differ a little from one processor to the next.
SAME = 0.02
SET = Path(__file__).with_name("retrieval.jsonl")
ARTICLES = load_settings().knowledge_dir / "articles"


@pytest.fixture(scope="module")
def questions() -> list[RetrievalQuestion]:
    return parse_questions(SET.read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    async with open_bench(load_settings(), ARTICLES, lambda stage, done, total: None) as bench:
        yield bench


@pytest.fixture(scope="module")
async def figures(bench: Bench, questions: list[RetrievalQuestion]) -> dict[str, RetrievalFigures]:
    return await bench.compare(questions)


def test_the_questions_are_many_and_name_articles_that_exist(questions: list[RetrievalQuestion]) -> None:
    known = {article.slug for article in read_articles(ARTICLES).articles}
    assert len(questions) >= 120
    assert len({question.id for question in questions}) == len(questions)
    assert {slug for question in questions for slug in question.articles} <= known


def test_hybrid_search_finds_the_right_article(figures: dict[str, RetrievalFigures]) -> None:
    hybrid = figures["hybrid"]
    assert hybrid.hit_at_1 >= 0.59
    assert hybrid.hit_at_5 >= 0.86
    assert hybrid.mrr >= 0.705


def test_hybrid_ranks_better_than_either_half_alone(figures: dict[str, RetrievalFigures]) -> None:
    hybrid, dense, text = figures["hybrid"], figures["dense"], figures["text"]
    assert hybrid.mrr > dense.mrr > text.mrr
    assert hybrid.hit_at_5 > dense.hit_at_5 > text.hit_at_5
    assert hybrid.hit_at_1 > dense.hit_at_1 > text.hit_at_1


async def test_a_slip_of_the_pen_costs_few_right_articles(
    bench: Bench, questions: list[RetrievalQuestion], figures: dict[str, RetrievalFigures]
) -> None:
    queries = [Query(question.id, with_slip(question.query, number)) for number, question in enumerate(questions)]
    assert sum(q.text != question.query for q, question in zip(queries, questions, strict=True)) > 80
    searcher = Searcher(bench.settings, bench.database, bench.model, SearchMode.HYBRID)
    found = await searcher.search(queries, 10, bench.on_progress)
    slipped = score_retrieval(questions, [[passage.slug for passage in passages] for passages in found])
    assert slipped.hit_at_5 >= figures["hybrid"].hit_at_5 - 0.06


async def test_the_recorded_match_is_what_its_curve_chooses(bench: Bench, questions: list[RetrievalQuestion]) -> None:
    thresholds = read_rules(RULES).embedding_models[DEFAULT_MODEL]
    answerable = [Query(question.id, question.query) for question in questions]
    unanswerable = parse_queries(UNANSWERABLE.read_text(encoding="utf-8").splitlines())
    curve = await measure_match(bench, answerable, unanswerable)
    assert abs(curve.chosen.threshold - thresholds.match) <= SAME
    assert curve.at(thresholds.match).recall >= LEAST_MATCHED - 0.01


def with_slip(text: str, seed: int) -> str:
    """One letter of one long word doubled, left out, or changed with the next."""
    chance = random.Random(seed)
    long_words = [match for match in re.finditer(r"[A-Za-z]{6,}", text) if match[0].lower() not in STOPWORDS]
    if not long_words:
        return text
    match = chance.choice(long_words)
    word, place = match[0], chance.randrange(1, len(match[0]) - 1)
    slips = (
        word[:place] + word[place + 1 :],
        word[:place] + word[place] + word[place:],
        word[:place] + word[place + 1] + word[place] + word[place + 2 :],
    )
    return text[: match.start()] + chance.choice(slips) + text[match.end() :]
