"""The help centre's pages from memory: what is asked of the database, what is kept, and how often may be searched."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import deployments.help_center
from agent.errors import DatabaseAway, NotFound
from agent.knowledge.article_html import render_article
from channels.web_form.form_page import load_page_files
from channels.web_form.form_texts import load_texts
from crm.articles import ArticleEntry, ArticleFound
from deployments.help_center.allowance import Allowance, TooManySearches
from deployments.help_center.look import (
    ARTICLES_LISTED,
    article_page,
    busy_page,
    help_texts,
    list_page,
    load_help_files,
    missing_page,
    results_page,
)
from deployments.help_center.memory import Memory
from deployments.help_center.pages import HelpPages
from deployments.web.static_files import StaticFile

NOW = datetime(2026, 3, 2, tzinfo=UTC)
SPRINTS = ArticleEntry("boards/sprints", "Sprints & <cycles>", "Planning", b"1", NOW, None)
LIMITS = ArticleEntry("limits", "Limits", "", b"2", None, NOW + timedelta(days=1))
LANGUAGES = list(load_texts())
ORIGIN = "https://support.example"


class FakeArticles:
    """Stands in for crm.articles.Articles: what it holds can change, and it can be away."""

    def __init__(self, *entries: ArticleEntry) -> None:
        self.entries = list(entries)
        self.away = False
        self.asked: list[str] = []

    async def fetch_current(self) -> list[ArticleEntry]:
        self._ask("contents")
        await asyncio.sleep(0)
        return list(self.entries)

    async def fetch_body(self, entry: ArticleEntry) -> str | None:
        self._ask(entry.slug)
        await asyncio.sleep(0)
        return f"Version {entry.content_hash.decode()}." if entry in self.entries else None

    async def search(self, query: str, limit: int) -> list[ArticleFound]:
        self._ask(f"search {query}")
        return [
            ArticleFound(
                "limits",
                "Limits",
                "Limits > Boards",
                "Text",
            )
        ][:limit]

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.away:
            raise DatabaseAway("the database does not answer")


class FakeWords:
    async def reword(self, text: str) -> str:
        return text.replace("ticket", "task")


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    def __init__(self, *entries: ArticleEntry, memory: Memory | None = None) -> None:
        self.articles = FakeArticles(*entries)
        self.clock = Clock()
        self.moment = NOW
        self.pages = HelpPages(
            self.articles,  # type: ignore[arg-type]
            FakeWords(),  # type: ignore[arg-type]
            ORIGIN,
            memory=memory,
            allowance=Allowance(clock=self.clock),
            clock=self.clock,
            now=lambda: self.moment,
        )

    async def read(self, slug: str) -> str:
        return (await self.pages.show_article(slug, "en")).content.decode()


async def test_an_article_is_fetched_once_for_all_who_read_it() -> None:
    bench = Bench(SPRINTS)
    shown = await asyncio.gather(*(bench.pages.show_article("boards/sprints", "en") for _ in range(50)))
    assert len({page.etag for page in shown}) == 1
    await bench.pages.show_list("en")
    await bench.pages.show_list("en")
    assert bench.articles.asked == ["contents", "boards/sprints"]


async def test_a_new_version_shows_when_the_contents_are_read_again() -> None:
    bench = Bench(SPRINTS)
    assert "Version 1." in await bench.read("boards/sprints")
    bench.articles.entries = [replace(SPRINTS, content_hash=b"7"), LIMITS]
    assert "Version 1." in await bench.read("boards/sprints"), "within a few seconds nothing is asked"
    assert "Limits" not in (await bench.pages.show_list("en")).content.decode()
    bench.clock.now_s += 15
    assert "Version 7." in await bench.read("boards/sprints")
    assert "Limits" in (await bench.pages.show_list("en")).content.decode()


async def test_an_article_that_was_only_renamed_is_listed_where_it_is_now() -> None:
    bench = Bench(SPRINTS)
    assert 'href="/help/boards/sprints"' in (await bench.pages.show_list("en")).content.decode()
    bench.articles.entries = [replace(SPRINTS, slug="planning/sprints")]
    bench.clock.now_s += 15
    listed = (await bench.pages.show_list("en")).content.decode()
    assert 'href="/help/planning/sprints"' in listed
    assert "boards/sprints" not in listed


async def test_an_article_that_changed_since_the_contents_were_read_is_shown_as_it_is_now() -> None:
    bench = Bench(SPRINTS, LIMITS)
    await bench.pages.show_list("en")
    bench.articles.entries = [replace(SPRINTS, content_hash=b"7")]
    assert "Version 7." in await bench.read("boards/sprints")
    with pytest.raises(NotFound):
        await bench.read("limits")


async def test_what_is_past_its_time_is_not_shown_however_long_it_is_remembered() -> None:
    bench = Bench(LIMITS)
    assert "Version 2." in await bench.read("limits")
    bench.moment = NOW + timedelta(days=1, seconds=1)
    with pytest.raises(NotFound):
        await bench.read("limits")
    with pytest.raises(NotFound):
        await bench.read("nothing")


async def test_what_was_read_once_is_shown_through_an_outage() -> None:
    bench = Bench(SPRINTS, LIMITS)
    bench.articles.away = True
    with pytest.raises(DatabaseAway):
        await bench.pages.show_list("en")
    bench.articles.away = False
    before = await bench.read("boards/sprints")
    bench.articles.away = True
    bench.clock.now_s += 1_000
    assert await bench.read("boards/sprints") == before
    assert "Limits" in (await bench.pages.show_list("en")).content.decode()
    with pytest.raises(DatabaseAway):
        await bench.read("limits")


async def test_memory_is_bounded_and_what_is_read_stays() -> None:
    entries = [replace(SPRINTS, slug=f"page-{number}") for number in range(12)]
    size = len((await Bench(*entries).pages.show_article("page-0", "en")).content)
    memory = Memory(most_bytes=4 * size)
    bench = Bench(*entries, memory=memory)
    for entry in entries:
        await bench.read("page-0")
        await bench.read(entry.slug)
        assert memory.size_bytes <= 4 * size
    assert bench.articles.asked.count("page-0") == 1
    assert bench.articles.asked.count("page-1") == 1
    await bench.read("page-1")
    assert bench.articles.asked.count("page-1") == 2


def test_a_page_over_the_bound_is_not_kept_and_a_new_version_takes_the_old_ones_place() -> None:
    memory = Memory(most_bytes=10)
    memory.keep(("a", "en"), b"1", StaticFile.of(b"12345678901", "text/html"))
    assert memory.get(("a", "en"), b"1") is None
    memory.keep(("a", "en"), b"1", StaticFile.of(b"12345678", "text/html"))
    memory.keep(("a", "en"), b"2", StaticFile.of(b"123", "text/html"))
    assert memory.get(("a", "en"), b"1") is None
    assert memory.get(("a", "en"), b"2") is not None
    assert memory.size_bytes == 3


async def test_a_search_asks_in_the_articles_words_too() -> None:
    bench = Bench(LIMITS)
    (found,) = await bench.pages.search("my ticket", None)
    assert found.slug == "limits"
    await bench.pages.search("boards", b"ada")
    assert bench.articles.asked == ["search my ticket\nmy task", "search boards"]


async def test_searches_are_limited_for_one_sender_and_for_all() -> None:
    bench = Bench(LIMITS)
    for _ in range(30):
        bench.clock.now_s += 0.2
        await bench.pages.search("boards", b"ada")
    assert await refused_of(5, bench, b"ada") >= 2, "30 a minute, of which some came back meanwhile"
    assert await refused_of(25, bench, None) >= 5, "20 at once"
    asked = len(bench.articles.asked)
    assert await refused_of(10, bench, b"bob") == 10
    assert len(bench.articles.asked) == asked, "who is refused costs nothing"
    bench.clock.now_s += 60
    assert await refused_of(10, bench, b"ada") == 0


async def refused_of(searches: int, bench: Bench, sender: bytes | None) -> int:
    refused = 0
    for _ in range(searches):
        try:
            await bench.pages.search("boards", sender)
        except TooManySearches:
            refused += 1
    return refused


def documents(language: str) -> dict[str, str]:
    article = render_article("Sprints", "## One\n\nText\n\n## Two\n\nText\n\n## Three\n\n| a |\n|---|\n| 1 |")
    found = [ArticleFound("limits", "Limits <b>", "Limits > Boards", "Text <script> " * 40)]
    return {
        "list": list_page([SPRINTS, LIMITS], language, ORIGIN).content.decode(),
        "empty": list_page([], language, ORIGIN).content.decode(),
        "article": article_page(SPRINTS, article, language, ORIGIN).content.decode(),
        "found": results_page('"><script>', found, language).content.decode(),
        "nothing": results_page("zebra {{title}}", [], language).content.decode(),
        "busy": busy_page("zebra", language).content.decode(),
        "missing": missing_page(language).content.decode(),
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_has_a_script_a_style_or_a_handler_and_each_says_its_language(language: str) -> None:
    direction = load_texts()[language]["direction"]
    for name, page in documents(language).items():
        assert f'<html lang="{language}" dir="{direction}">' in page, name
        assert "<script" not in page
        assert "<style" not in page
        assert "style=" not in page
        assert not re.search(r"<[^>]*\son[a-z]+=", page)
        assert re.findall(r'<a [^>]*lang="([a-z]+)" aria-current', page) == [language]
        assert page.count("<h1") == 1
        assert "{{" not in page.replace("{{title}}", "")
        ids = re.findall(r' id="([^"]*)"', page)
        assert len(ids) == len(set(ids)), name
        named = set(re.findall(r'"/assets/([^"]+)"', page))
        assert named <= load_page_files().keys() | load_help_files().keys()


def test_the_list_has_every_article_under_its_category_and_what_has_none_last() -> None:
    page = documents("en")["list"]
    assert re.findall(r"<h2 [^>]*>([^<]*)</h2>", page) == ["Planning", "Other articles"]
    assert '<a href="/help/boards/sprints">Sprints &amp; &lt;cycles&gt;</a>' in page
    many = [replace(LIMITS, slug=f"page-{number}") for number in range(ARTICLES_LISTED + 1)]
    long = list_page(many, "en", ORIGIN).content.decode()
    assert long.count('<li><a href="/help/page-') == ARTICLES_LISTED
    assert "found by searching" in long


def test_an_article_has_its_date_its_contents_its_address_and_a_question_about_it() -> None:
    page = documents("en")["article"]
    assert '<time datetime="2026-03-02" dir="ltr">2026-03-02</time>' in page
    assert re.findall(r'<li><a href="#([a-z]+)">', page) == ["one", "two", "three"]
    assert '<h2 id="two">Two</h2>' in page
    assert '<link rel="canonical" href="https://support.example/help/boards/sprints">' in page
    assert 'href="/?subject=Sprints%20%26%20%3Ccycles%3E"' in page
    assert 'href="/?subject=Sprints%20%26%20%3Ccycles%3E&amp;lang=de"' in documents("de")["article"]
    undated = article_page(LIMITS, render_article("Limits", "Text"), "en", ORIGIN).content.decode()
    assert "<time" not in undated
    assert "_contents" not in undated


def test_what_was_searched_for_is_text_and_leads_to_the_section() -> None:
    page = documents("en")["found"]
    assert 'value="&quot;&gt;&lt;script&gt;"' in page
    assert '<a href="/help/limits#boards">Limits &lt;b&gt;</a>' in page
    assert "zebra {{title}}" in documents("en")["nothing"]
    assert 'href="/help?q=%22%3E%3Cscript%3E&amp;lang=de"' in page
    assert 'name="robots" content="noindex"' in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    english, texts = help_texts()["en"], help_texts()[language]
    assert list(help_texts()) == LANGUAGES
    assert list(texts) == list(english)
    for key, text in texts.items():
        assert text.strip() == text != "", key
        assert re.findall(r"\{[a-z]+\}", text) == re.findall(r"\{[a-z]+\}", english[key]), key
        assert language == "en" or len(text.split()) < 3 or text != english[key], key


def test_every_text_is_used() -> None:
    folder = Path(deployments.help_center.__file__).parent
    sources = (folder / "look.py").read_text(encoding="utf-8") + (folder / "page.html").read_text(encoding="utf-8")
    texts = json.loads((folder / "texts" / "en.json").read_text(encoding="utf-8"))
    assert {key for key in texts if f'"{key}"' not in sources and f"{{{{{key}}}}}" not in sources} == set()
