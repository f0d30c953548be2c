"""Where articles are read, and what of their Markdown becomes markup there."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.article_pages import ArticlePages, anchor_of, section_address
from agent.knowledge.article_html import render_article
from agent.knowledge.articles import read_articles
from agent.knowledge.chunking import chunk_article
from agent.records import Passage
from serve_app.settings import CHECKOUT
from tests.unit.turn_fakes import count_words

OURS = ArticlePages("https://support.example/help", ours=True)
ELSEWHERE = ArticlePages("https://help.example/articles/")
_MARKUP = re.compile(r"<(/?)([a-z0-9]+)([^<>]*)>")
_WRITTEN = {"p", "h2", "h3", "h4", "h5", "h6", "a", "strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "hr"}
_WRITTEN |= {"br", "div", "table", "thead", "tbody", "tr", "th", "td"}
_OWN_ATTRIBUTE = r'(?:id|title)="[^"]*"|href="(?:https?://|mailto:)[^"]*"|start="[0-9]+"|tabindex="0"|class="scroll"'
_ATTRIBUTES = re.compile(rf"(?: (?:{_OWN_ATTRIBUTE}))* ?/?", re.IGNORECASE)


@pytest.mark.parametrize(
    ("pages", "own", "expired", "address"),
    [
        (OURS, "", False, "https://support.example/help/boards/a%20page"),
        (OURS, "", True, ""),
        (OURS, "https://docs.example/x", False, "https://docs.example/x"),
        (OURS, "https://docs.example/x", True, "https://docs.example/x"),
        (ELSEWHERE, "", True, "https://help.example/articles/boards/a%20page"),
        (ArticlePages(), "", False, ""),
    ],
)
def test_an_article_is_read_at_its_own_address_or_where_all_are(
    pages: ArticlePages, own: str, expired: bool, address: str
) -> None:
    assert pages.address_of("boards/a page", own, expired=expired) == address
    assert pages.is_ours(own) is (pages is OURS and not own)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("Set up SSO", "set-up-sso"),
        ("What's new in 2.0?", "what-s-new-in-2-0"),
        ("Settings > Members", "members"),
        ("Größe & Länge", "grösse-länge"),
        ("snake_case", "snake-case"),
        ("المساعدة الآن", "المساعدة-الآن"),
        ("…", ""),
        ("", ""),
    ],
)
def test_an_anchor_is_the_words_of_a_heading(heading: str, anchor: str) -> None:
    assert anchor_of(heading) == anchor


def test_only_a_page_of_ours_is_linked_to_its_section() -> None:
    passage = Passage("a", "Sprints", "Sprints > Finish > At once", "text", 0.5, 0.5, "https://x.example/a", True)
    assert section_address(passage) == "https://x.example/a#at-once"
    assert section_address(replace(passage, on_our_page=False)) == "https://x.example/a"
    assert section_address(replace(passage, heading_path="Sprints")) == "https://x.example/a"
    assert section_address(replace(passage, heading_path="Sprints > ?")) == "https://x.example/a"
    assert section_address(replace(passage, heading_path="Sprints > Größe")) == "https://x.example/a#gr%C3%B6sse"


def test_every_section_of_the_shipped_articles_has_the_anchor_that_a_citation_of_it_names() -> None:
    for article in read_articles(CHECKOUT / "knowledge" / "articles").articles:
        anchors = {section.anchor for section in render_article(article.title, article.body).sections}
        for chunk in chunk_article(article, count_words, 200):
            passage = Passage(article.slug, article.title, chunk.heading_path, chunk.body, 0.5, 0.5, "u", True)
            _, _, anchor = section_address(passage).partition("#")
            assert not anchor or anchor in anchors, chunk.heading_path
            assert bool(anchor) == (" > " in chunk.heading_path)


def test_nothing_of_an_article_is_markup_but_markdown() -> None:
    body = render_article(
        "T",
        "# T\n\n<script>alert(1)</script> <b onclick=x>b</b> [x](javascript:alert(1)) "
        "[y](data:text/html,z) [z](/local)\n\n"
        '[good](https://a.example/?a=1&b="2) <mailto:a@b.example> ![a <picture>](https://a.example/x.png)\n\n'
        "| a | b |\n|:--|--:|\n| 1 | <i>2</i> |\n\n```html\n<b>\n```\n",
    ).body
    assert "<h1" not in body
    assert "style=" not in body
    assert "<script" not in body
    assert "<b" not in body.replace("<blockquote", "")
    assert "<img" not in body
    assert "javascript:alert(1)" in body, "it is text"
    assert re.findall(r'href="([^"]*)"', body) == ["https://a.example/?a=1&amp;b=%222", "mailto:a@b.example"]
    assert "a &lt;picture&gt;" in body
    assert '<pre tabindex="0"><code>&lt;b&gt;' in body
    assert '<div class="scroll" tabindex="0"><table>' in body


@given(st.text(alphabet=st.sampled_from("<>&\"'`*_[]()!#|-=:/ \nabjhrefscriptonclick\x00\u202e"), max_size=300))
def test_whatever_an_article_says_only_the_renderers_own_tags_are_written(markdown: str) -> None:
    body = render_article("Title", markdown).body
    for _, name, attributes in _MARKUP.findall(body):
        assert name in _WRITTEN
        assert _ATTRIBUTES.fullmatch(attributes), attributes
    assert not re.search(r"[<>]", _MARKUP.sub("", body))


def test_headings_begin_at_the_second_level_skip_none_and_have_distinct_anchors() -> None:
    rendered = render_article(
        "T", "#### Deep\n\n# Top\n\n### Below\n\n###### Deepest\n\n## Deep\n\n# T\n\n## ?\n\nText"
    )
    assert [(section.level, section.anchor) for section in rendered.sections] == [
        (2, "deep"),
        (2, "top"),
        (3, "below"),
        (4, "deepest"),
        (3, "deep-2"),
        (2, "t"),
        (3, ""),
    ]
    assert re.findall(r"<h(\d)(?: id=\"([^\"]*)\")?>", rendered.body)[1] == ("2", "top")


@pytest.mark.parametrize(
    ("headings", "anchors"),
    [
        ("Step 2|Step|Step", ["step-2", "step", "step-3"]),
        ("Step|Step|Step 2|Step", ["step", "step-3", "step-2", "step-4"]),
        ("?|!", ["", ""]),
    ],
)
def test_a_heading_that_is_written_like_anothers_number_keeps_its_own_anchor(headings: str, anchors: list[str]) -> None:
    rendered = render_article("T", "\n\n".join(f"## {heading}" for heading in headings.split("|")))
    assert [section.anchor for section in rendered.sections] == anchors
