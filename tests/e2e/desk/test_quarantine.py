"""What looks like spam and what customers attach, at the desk."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import CHROMIUM, violations
from tests.e2e.desk.people import MARKUP, ask, at_the_desk, line, open_only
from tests.unit.test_files import PNG

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


async def test_what_looks_like_spam_is_released_and_answered(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        customer = await ask(client, website="filled by a machine", message=f"How do I create a board? {MARKUP}")
        await expect(page.get_by_role("button", name="Quarantine 1")).to_be_visible()
        await page.keyboard.press("5")
        await line(page).click()
        await expect(page.locator("#standing")).to_have_text("In quarantine")
        await expect(page.locator("#suspicion")).to_contain_text("a field that people do not see was filled in")
        await expect(page.get_by_label("Reply to")).to_have_count(0)
        assert await violations(page) == []
        await page.get_by_role("button", name="Release to the FTE").click()
        await expect(page.locator("#standing")).to_have_text("With the FTE")
        await expect(page.get_by_text("Grace released it to the FTE")).to_be_visible()
        await expect(page.get_by_text("Nothing looks like spam.")).to_be_visible()
        await expect(page.get_by_role("article").filter(has_text="Delivered")).to_be_visible()
        assert len((await customer.read())["messages"]) == 2
        assert not seen.complaints


async def test_spam_is_discarded_by_keyboard_and_two_desks_agree(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    async with at_the_desk(browser, site, "Grace") as first, at_the_desk(browser, site, "Edgar") as second:
        customer = await ask(client, website="x")
        for page in (first.page, second.page):
            await page.keyboard.press("5")
            await line(page).click()
            await expect(page.locator("#standing")).to_have_text("In quarantine")
        await first.page.keyboard.press("d")
        await expect(first.page.get_by_role("dialog")).to_contain_text("Discard it as spam?")
        await first.page.get_by_role("button", name="Discard it").click()
        for page in (first.page, second.page):
            await expect(page.locator("#standing")).to_have_text("Resolved")
            await expect(page.get_by_text("Grace discarded it as spam")).to_be_visible()
        assert (await customer.read())["status"] == "closed"


async def test_what_a_customer_attaches_appears_and_is_saved(
    browser: Browser, site: str, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        customer = await ask(client)
        await open_only(page)
        await customer.attach("screen <b>1.png", PNG)
        link = page.get_by_role("link", name="screen <b>1.png")
        await expect(link).to_be_visible()
        async with page.expect_download() as saving:
            await link.click()
        saved = tmp_path / "saved"
        await (await saving.value).save_as(saved)
        assert saved.read_bytes() == PNG
        assert await violations(page) == []
