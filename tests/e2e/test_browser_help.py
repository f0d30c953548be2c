"""The help centre in a real browser: from the form to an article's section and back with a question."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from crm.database import Database
from crm.knowledge_sync import sync_folder
from serve_app.settings import CHECKOUT
from tests.e2e.browser import CHROMIUM, Visit, violations, visit
from tests.integration.test_knowledge import WordModel

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


@pytest.fixture
async def articles(database: Database) -> None:
    await sync_folder(database, WordModel(), CHECKOUT / "knowledge" / "articles")


async def picture(seen: Visit, name: str) -> None:
    """Into the folder that the environment names, for who wants to look."""
    if folder := os.environ.get("FTE_TEST_PICTURES"):
        await seen.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


async def test_a_customer_finds_an_article_by_searching_and_asks_about_it(
    site: str, seen: Visit, articles: None
) -> None:
    page = seen.page
    await page.goto(site)
    await expect(page.get_by_label("Your name")).to_be_visible()
    await picture(seen, "form-with-help")
    await page.get_by_role("link", name="Help articles").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Help centre")
    await expect(page.get_by_role("heading", level=2, name="Plans and billing")).to_be_visible()
    assert await violations(page) == []
    await picture(seen, "help-list")

    await page.get_by_label("Search the help articles").fill("import csv file")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Results for “import csv file”")
    assert await violations(page) == []
    await picture(seen, "help-results")
    await page.get_by_role("link", name="Importing tasks from CSV").click()

    await expect(page.get_by_role("heading", level=1)).to_have_text("Importing tasks from CSV")
    await expect(page.get_by_text("Last checked on")).to_be_visible()
    assert await violations(page) == []
    await picture(seen, "help-article")
    section = page.get_by_role("navigation", name="On this page").get_by_role("link").last
    heading = page.get_by_role("heading", level=2, name=await section.inner_text(), exact=True)
    await section.click()
    await expect(heading).to_be_in_viewport()

    await page.get_by_role("link", name="Ask us").click()
    await expect(page.get_by_label("Subject")).to_have_value("Importing tasks from CSV")
    assert seen.complaints == []


async def test_a_citations_link_opens_at_its_section(site: str, seen: Visit, articles: None) -> None:
    await seen.page.goto(f"{site}/help/limits#boards-and-workspaces")
    heading = seen.page.get_by_role("heading", level=2, name="Boards and workspaces", exact=True)
    await expect(heading).to_be_in_viewport()
    assert await heading.evaluate("(node) => node.matches(':target')")


async def test_a_page_that_is_not_there_helps_on(site: str, seen: Visit, articles: None) -> None:
    page = seen.page
    await page.goto(f"{site}/help/nothing")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This page does not exist")
    assert await violations(page) == []
    await page.get_by_role("link", name="All articles").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Help centre")


async def test_pages_are_read_by_keyboard_on_a_small_dark_screen_from_right_to_left(
    site: str, browser: Browser, articles: None
) -> None:
    async with visit(browser, width=320, height=700, dark=True, locale="ar-EG") as seen:
        page = seen.page
        for path in ("/help", "/help/plan-features", "/help?q=sso"):
            await page.goto(f"{site}{path}")
            await expect(page.locator("html")).to_have_attribute("dir", "rtl")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 320, path
            assert await violations(page) == [], path
            await picture(seen, f"help-arabic{path.replace('/', '-').replace('?', '-')}")
        await page.goto(f"{site}/help")
        reached = []
        for _ in range(5):
            await page.keyboard.press("Tab")
            reached.append(
                await page.evaluate("document.activeElement.getAttribute('href') ?? document.activeElement.tagName")
            )
            outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline in ("solid", "auto"), reached[-1]
        assert reached == ["#_main", "/help?lang=ar", "/?lang=ar", "INPUT", "BUTTON"]
        assert seen.complaints == []
