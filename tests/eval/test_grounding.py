"""How well the guardrails tell replies that the articles support from replies that they do not, above floors.

The replies are written for this project, over the shipped articles: paraphrases as a language model writes them, and
the same with an invention, a flipped negation, another number, a promise, a price, a link. Nothing here runs a model.
"""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent.knowledge.articles import read_articles
from agent.knowledge.chunking import chunk_article
from agent.records import Article, Passage
from agent.reply.brand import Brand
from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.guardrails import Checked, check_reply
from tests.unit.turn_fakes import context

CHECKOUT = Path(__file__).parents[2]
HALVES = (
    *("development", "heldout", "later", "blind", "blind_second", "blind_third", "blind_fourth", "blind_fifth"),
    *("blind_sixth", "blind_seventh", "blind_eighth", "blind_ninth", "blind_tenth"),
)
CERTAIN_KINDS = ("price", "promise", "url", "date", "competitor")
"""What values and wordings catch must be caught always."""


@cache
def articles() -> dict[str, Article]:
    return {article.slug: article for article in read_articles(CHECKOUT / "knowledge" / "articles").articles}


@cache
def brand() -> Brand:
    return Brand.load(CHECKOUT / "knowledge" / "brand_voice.md")


@cache
def cases(half: str) -> list[dict[str, Any]]:
    file = Path(__file__).parent / "grounding" / f"{half}.jsonl"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def passages(slugs: list[str]) -> list[Passage]:
    found = []
    for slug in slugs:
        article = articles()[slug]
        for chunk in chunk_article(article, lambda text: len(text.split()) + 2, 200):
            found.append(Passage(slug, article.title, chunk.heading_path, chunk.body, 0.6, 0.5, article.url))
    return found


def check(case: dict[str, Any]) -> Checked:
    reply = ReplyIntent(case["reply"], ReplyKind.ANSWER, tuple(case["articles"][:1]))
    asked = context(case["question"])
    return check_reply(reply, asked, passages(case["articles"]), matched=True, brand=brand())


def test_there_are_enough_of_both() -> None:
    every = [case for half in HALVES for case in cases(half)]
    assert len(every) >= 150
    assert sum(case["supported"] for case in every) >= 60
    assert len({case["id"] for case in every}) == len(every)


@pytest.mark.parametrize(
    ("half", "least_precision", "least_recall"),
    [
        ("development", 0.98, 0.91),
        ("heldout", 0.98, 0.93),
        ("later", 0.98, 0.88),
        ("blind", 0.95, 0.86),
        ("blind_second", 0.98, 0.70),
        ("blind_third", 0.98, 0.62),
        ("blind_fourth", 0.98, 0.66),
        ("blind_fifth", 0.98, 0.55),
        ("blind_sixth", 0.89, 0.52),
        ("blind_seventh", 0.98, 0.72),
        ("blind_eighth", 0.80, 0.45),
        ("blind_ninth", 0.74, 0.45),
        ("blind_tenth", 0.58, 0.30),
    ],
)
def test_what_no_article_supports_is_caught_and_paraphrases_pass(
    half: str, least_precision: float, least_recall: float
) -> None:
    caught = [(check(case).violation is not None, not case["supported"]) for case in cases(half)]
    right = sum(found and wrong for found, wrong in caught)
    assert right / sum(found for found, _ in caught) >= least_precision
    assert right / sum(wrong for _, wrong in caught) >= least_recall


@pytest.mark.parametrize("half", ["development", "heldout", "later"])
def test_no_price_promise_link_or_date_passes(half: str) -> None:
    certain = [case for case in cases(half) if case["kind"] in CERTAIN_KINDS]
    assert len(certain) >= 3
    assert [case["id"] for case in certain if check(case).violation is None] == []


def test_every_section_of_every_article_may_be_said_as_it_is() -> None:
    refused = []
    for slug in articles():
        found = passages([slug])
        for passage in found:
            reply = ReplyIntent(passage.body, ReplyKind.ANSWER, (slug,))
            violation = check_reply(reply, context(), found, matched=True, brand=brand()).violation
            if violation is not None:
                refused.append((slug, violation))
    assert refused == []


def test_a_check_takes_little_time() -> None:
    """A bound for a busy machine; docs/quality.md has the figures."""
    reply = ReplyIntent(articles()["automations"].body[:900], ReplyKind.ANSWER, ("automations",))
    found = passages(["automations", "plan-features", "limits", "tasks"])
    turn = context("How do I make an automation?")
    check_reply(reply, turn, found, matched=True, brand=brand())
    began = time.process_time()
    for _ in range(20):
        check_reply(reply, turn, found, matched=True, brand=brand())
    assert (time.process_time() - began) / 20 < 0.02
