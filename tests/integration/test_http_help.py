"""The help centre over HTTP, on a synchronised folder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from crm.database import Database
from crm.knowledge_sync import sync_folder
from tests.integration.http_spine import http_client, services_for
from tests.integration.test_knowledge import WordModel

FILES = {
    "boards/sprints.md": (
        "---\ntitle: Sprints\nlast_verified_at: 2026-10-20\n---\nPlan a sprint on a board.\n\n"
        "## Finish a sprint\n\nComplete the cycle <script>alert(1)</script> and move what is left.\n\n"
        "| Plan | Sprints |\n|---|---|\n| Free | 2 |\n"
    ),
    "a page.md": "---\ntitle: Passwords\ncategory: Account & access\n---\nReset your password on the login page.",
    "old.md": "---\ntitle: Old sprints\nvalid_until: 2020-01-01\n---\nSprints were cycles.",
    "runbook.md": "---\ntitle: Secret runbook\ninternal: true\n---\nSprints are restarted by hand.",
    "draft.md": "---\ntitle: Unfinished\ndraft: true\n---\nSprints will be better.",
}


@pytest.fixture
async def folder(database: Database, tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    await sync_folder(database, WordModel(), tmp_path)
    return tmp_path


async def get(
    database: Database, *paths: str, headers: dict[str, str] | None = None, **options: object
) -> list[httpx.Response]:
    async with http_client(services_for(database, base_url="https://support.example", **options)) as client:
        return [await client.get(path, headers=headers) for path in paths]


async def test_only_current_articles_for_customers_are_listed_shown_and_found(database: Database, folder: Path) -> None:
    listed, found, *shown = await get(
        database,
        "/help",
        "/help?q=sprints",
        "/help/boards/sprints",
        "/help/a%20page",
        *("/help/old", "/help/runbook", "/help/draft", "/help/nothing", "/help/", "/help/..%2Fhelp"),
    )
    assert [response.status_code for response in shown] == [200, 200, *[404] * 6]
    for page in (listed, found):
        assert page.status_code == 200
        assert "Sprints" in page.text
        for hidden in ("Old", "Secret", "Unfinished"):
            assert hidden not in page.text
    assert "Account &amp; access" in listed.text
    assert "Boards" in listed.text
    for page in shown[2:]:
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "This page does not exist" in page.text
        assert page.headers["cache-control"] == "no-store"


async def test_an_article_is_safe_dated_and_has_anchors(database: Database, folder: Path) -> None:
    (page,) = await get(database, "/help/boards/sprints")
    assert '<h1 dir="auto">Sprints</h1>' in page.text
    assert '<h2 id="finish-a-sprint">Finish a sprint</h2>' in page.text
    assert "<script" not in page.text
    assert "2026-10-20" in page.text
    assert '<link rel="canonical" href="https://support.example/help/boards/sprints">' in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "public, max-age=60"
    assert page.headers["vary"] == "Accept-Language"
    assert "set-cookie" not in page.headers


async def test_a_browser_that_has_this_version_gets_no_page(database: Database, folder: Path) -> None:
    async with http_client(services_for(database)) as client:
        for path in ("/help", "/help/boards/sprints"):
            first = await client.get(path)
            again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
            other = await client.get(path, headers={"If-None-Match": first.headers["etag"], "Accept-Language": "de"})
            assert other.status_code == 200
            head = await client.head(path)
            assert (head.status_code, head.content) == (200, b"")


async def test_the_page_around_an_article_speaks_the_readers_language(database: Database, folder: Path) -> None:
    german, arabic = await get(database, "/help/boards/sprints", "/help?lang=ar", headers={"Accept-Language": "de-AT"})
    assert "Alle Artikel" in german.text
    assert german.headers["content-language"] == "de"
    assert '<html lang="ar" dir="rtl">' in arabic.text


async def test_a_search_leads_to_the_section(database: Database, folder: Path) -> None:
    first, nothing, empty = await get(database, "/help?q=finishing", "/help?q=zebra%20%3Cb%3E", "/help?q=%20")
    assert '<a href="/help/boards/sprints#finish-a-sprint">Sprints</a>' in first.text
    assert "Nothing found for “zebra &lt;b&gt;”." in nothing.text
    assert nothing.headers["cache-control"] == "no-store"
    assert "<h1>Help centre</h1>" in empty.text


async def test_searching_too_often_is_told_and_the_pages_stay(database: Database, folder: Path) -> None:
    async with http_client(services_for(database)) as client:
        # All at once: one after another, a slow machine's would be allowed again meanwhile.
        answers = await asyncio.gather(*(client.get("/help?q=sprints") for _ in range(100)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert "Too many searches" in refused[0].text
        assert int(refused[0].headers["retry-after"]) > 0
        assert (await client.get("/help/boards/sprints")).status_code == 200


async def test_bad_words_are_named(database: Database, folder: Path) -> None:
    (long, odd) = await get(database, f"/help?q={'x' * 201}", "/help?q=%00%ff'%3B%20DROP%20TABLE")
    assert long.status_code == 422
    assert long.json()["detail"][0]["field"] == "q"
    assert odd.status_code == 200


async def test_where_another_help_centre_is_there_are_no_pages_and_no_links_to_them(
    database: Database, folder: Path
) -> None:
    form, *pages = await get(database, "/", "/help", "/help/boards/sprints", shows_articles=False)
    assert [page.status_code for page in pages] == [404, 404]
    assert "/help" not in form.text
    (shown,) = await get(database, "/")
    assert 'href="/help?lang=en"' in shown.text


async def test_without_articles_the_list_says_so(database: Database) -> None:
    listed, found = await get(database, "/help", "/help?q=sprints")
    assert "No articles have been published yet." in listed.text
    assert found.status_code == 200
