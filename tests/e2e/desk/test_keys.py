"""At the desk keys come before answers, and mean what the operator saw."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import CHROMIUM, Held
from tests.e2e.desk.people import ask, at_the_desk, line, open_only

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")

CONVERSATION = re.compile(r"/conversations/[0-9a-f-]{36}$")


async def press_at_once(page: Page, *keys: str, follow: str = "") -> None:
    """Follow the link of a customer and press keys before the browser does anything else."""
    await page.evaluate(
        """([name, keys]) => {
            if (name) [...document.querySelectorAll("a.line")].find((line) => line.textContent.includes(name)).click();
            for (const key of keys) {
                const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
                document.activeElement.dispatchEvent(event);
            }
        }""",
        [follow, list(keys)],
    )


async def test_what_is_asked_for_while_something_is_under_way_is_done_after_it(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    customer = await ask(client)
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await open_only(page)
        taking = Held()
        await page.route("**/take", taking)
        await page.keyboard.press("t")
        await taking.reached.wait()
        await page.keyboard.press("r")
        await page.keyboard.type("It is on its way.")
        await page.keyboard.press("Control+Enter")
        await page.keyboard.press("Escape")
        await page.keyboard.press("e")
        await page.keyboard.type("Refunded.")
        await page.keyboard.press("Control+Enter")
        taking.goes_on.set()
        await customer.wait_for("It is on its way.")
        await expect(page.locator("#standing")).to_have_text("Resolved")
        await expect(page.get_by_text("Refunded.")).to_be_visible()
        assert seen.complaints == []


async def test_key_right_after_enter_means_the_conversation_that_it_opens(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    await ask(client)
    await ask(client, name="Bob Example", subject="Other")
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(line(page, "Bob Example")).to_be_visible()
        await open_only(page)
        await press_at_once(page, "t", follow="Bob Example")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Other")
        await expect(page.locator("#standing")).to_have_text("With you")
        await open_only(page)
        await expect(page.locator("#standing")).to_have_text("Waits for a person")


async def test_letters_meant_for_a_reply_that_is_not_there_yet_do_nothing(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    await ask(client)
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        reading = Held()
        await page.route(CONVERSATION, reading)
        await line(page).click()
        await reading.reached.wait()
        await press_at_once(page, *"rthe")
        reading.goes_on.set()
        await expect(page.get_by_label("Reply to")).to_be_focused()
        await page.keyboard.type("Hello")
        await expect(page.get_by_label("Reply to")).to_have_value("Hello")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page.locator("#standing")).to_have_text("Waits for a person")


async def test_dialog_closes_when_the_conversation_under_it_goes(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    await ask(client)
    await ask(client, name="Bob Example", subject="Other")
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(line(page, "Bob Example")).to_be_visible()
        await open_only(page)
        await line(page, "Bob Example").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Other")
        await page.keyboard.press("e")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.go_back()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("h")
        await expect(page.get_by_role("dialog")).to_contain_text("Hand back")
        assert seen.complaints == []


async def test_name_in_a_dialog_is_the_one_that_was_asked_about(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    """Who presses the button for Grace does not take it from Edgar."""
    await ask(client)
    async with (
        at_the_desk(browser, site, "Grace") as grace,
        at_the_desk(browser, site, "Edgar") as edgar,
        at_the_desk(browser, site, "Linus") as linus,
    ):
        await open_only(grace.page)
        await grace.page.keyboard.press("t")
        await expect(grace.page.locator("#standing")).to_have_text("With you")
        for page in (edgar.page, linus.page):
            await page.get_by_role("button", name="All live").click()
            await open_only(page)
            await page.get_by_role("button", name="Take from Grace…").click()
        await edgar.page.get_by_role("button", name="Take it from Grace").click()
        await expect(linus.page.locator("#standing")).to_have_text("With Edgar")
        await linus.page.get_by_role("button", name="Take it from Grace").click()
        await expect(linus.page.get_by_role("alert")).to_contain_text("Edgar has this conversation")
        await expect(edgar.page.locator("#standing")).to_have_text("With you")


async def test_focus_stays_where_it_was_while_everything_moves(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    await ask(client)
    await ask(client, name="Bob Example", subject="Other")
    async with at_the_desk(browser, site, "Grace") as first, at_the_desk(browser, site, "Edgar") as second:
        page = first.page
        bob = line(page, "Bob Example")
        await expect(bob).to_be_visible()
        await line(page).focus()
        await line(second.page, "Bob Example").click()
        await second.page.get_by_label("Priority").select_option("urgent")
        await expect(bob).to_contain_text("urgent")
        await expect(page.get_by_role("navigation").get_by_role("link").first).to_contain_text("Bob Example")
        await expect(line(page)).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")
        await expect(page.locator("#conversation")).to_be_focused()
