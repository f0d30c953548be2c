"""The shipped articles are whole: dated, titled, numbered, and their references lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import frontmatter
import pytest

from agent.knowledge.articles import read_articles
from serve_app.settings import CHECKOUT

FOLDER = CHECKOUT / "knowledge" / "articles"
PATHS = sorted(FOLDER.glob("*.md"))
_REFERENCE = re.compile(r"\b(?:read|article|is in|are in) \*([A-Z][^*]+)\*")
_STEP = re.compile(r"^(\d+)\. ", re.MULTILINE)
_MONEY = re.compile(r"[$€£]\s?\d|\d\s?(?:[$€£]|USD|EUR|GBP)\b", re.IGNORECASE)


def test_there_is_an_article_for_what_a_product_of_this_kind_is_asked() -> None:
    folder = read_articles(FOLDER)
    assert folder.errors == ()
    assert len(folder.articles) == len(PATHS) >= 62
    titles = [article.title for article in folder.articles]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_an_article_is_dated_titled_and_in_sections(path: Path) -> None:
    article = frontmatter.load(str(path))
    assert set(article.metadata) == {"title", "category", "last_verified_at"}
    assert article["last_verified_at"].year >= 2026
    headings = re.findall(r"^(#+) (.+)$", article.content, re.MULTILINE)
    assert headings[0] == ("#", article["title"])
    assert len(headings) > 1
    assert {level for level, _ in headings[1:]} == {"##"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_steps_are_numbered_from_one_without_a_gap(path: Path) -> None:
    for section in re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        numbers = [int(number) for number in _STEP.findall(section)]
        assert numbers == list(range(1, len(numbers) + 1)), section


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_references_lead_to_articles_and_no_amount_of_money_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    titles = [article.title for article in read_articles(FOLDER).articles]
    for reference in _REFERENCE.findall(text):
        assert any(title.startswith(reference) for title in titles), reference
    assert not _MONEY.search(text)
