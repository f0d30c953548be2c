"""Whoever uses the desk, however: by keyboard, on narrow screens, and axe finds nothing."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import CHROMIUM, violations, visit
from tests.e2e.desk.people import ask, at_the_desk, line, open_only, sign_in

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


async def test_desk_is_worked_by_keyboard_alone(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    first, second = await ask(client), await ask(client, name="Bob Example", subject="Other")
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(line(page, "Bob Example")).to_be_visible()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_contain_text("Take over")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("j")
        await expect(line(page)).to_be_focused()
        await page.keyboard.press("j")
        await page.keyboard.press("k")
        await page.keyboard.press("ArrowDown")
        await expect(line(page, "Bob Example")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Other")
        await page.keyboard.press("t")
        await expect(page.locator("#standing")).to_have_text("With you")
        await page.keyboard.press("r")
        await page.keyboard.type("the letters t, h, e and ? are text here")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("Control+Enter")
        await second.wait_for("the letters t, h, e and ? are text here")
        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await page.keyboard.type("done by keyboard")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator("#standing")).to_have_text("Resolved")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.get_by_text("done by keyboard")).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type(first.ticket_id)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")
        await page.keyboard.press("2")
        await expect(page.get_by_text("You have no conversation.")).to_be_visible()


@pytest.mark.parametrize("width", [360, 900])
async def test_desk_fits_narrow_screens(browser: Browser, site: str, client: httpx.AsyncClient, width: int) -> None:
    await ask(client, message="refund https://example.com/" + "long" * 60)
    async with at_the_desk(browser, site, "Grace", width=width, height=800, dark=width == 360) as seen:
        page = seen.page
        await open_only(page)
        await expect(page.get_by_label("Reply to")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 360:
            await page.get_by_role("link", name="List").click()
            await expect(line(page)).to_be_visible()
            await expect(page.get_by_label("Reply to")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing(browser: Browser, site: str, client: httpx.AsyncClient, dark: bool) -> None:
    async with visit(browser, dark=dark) as seen:
        page = seen.page
        await page.goto(f"{site}/desk")
        await expect(page.get_by_label("Your name")).to_be_visible()
        assert await violations(page) == []
        await ask(client)
        await sign_in(page, "Grace")
        await open_only(page)
        assert await violations(page) == []
        await page.keyboard.press("t")
        await page.get_by_label("Reply to").fill("Hello")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_role("article").filter(has_text="Delivered").last).to_contain_text("Hello")
        assert await violations(page) == []
        await page.keyboard.press("Escape")
        await page.keyboard.press("h")
        await expect(page.get_by_role("dialog")).to_be_visible()
        assert await violations(page) == []
