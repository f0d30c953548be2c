"""The question whether a resolved request is solved, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, Page, expect

from crm.aftercare import Aftercare, Closing
from crm.database import Database
from crm.work import DELIVERED_CHANNEL, WorkQueue
from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, Visit, violations, visit
from tests.e2e.sites import fill, said, send
from tests.integration.test_aftercare import LATER, UNHAPPY

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


async def resolve(database: Database) -> None:
    """Time passes, and nothing comes any more."""
    async with database.connection() as connection:
        conversation_id = await connection.fetchval("SELECT conversation_id FROM conversations")
    assert await Aftercare(database).close(conversation_id, LATER, UNHAPPY) is Closing.RESOLVED
    await WorkQueue(database).notify(DELIVERED_CHANNEL)


async def open_resolved(page: Page, site: str, database: Database) -> None:
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(said(page)).to_have_count(2)
    await expect(page.get_by_role("heading", name="Did this solve it?")).to_be_hidden()
    await resolve(database)
    await expect(page.get_by_role("heading", name="Did this solve it?")).to_be_visible()


async def test_a_yes_is_one_click_and_stays(site: str, seen: Visit, database: Database) -> None:
    page = seen.page
    await open_resolved(page, site, database)
    yes = page.get_by_role("button", name="Yes", exact=True)
    await expect(yes).to_have_attribute("aria-pressed", "false")
    await yes.click()
    await expect(yes).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#survey").get_by_text("Thank you.")).to_be_visible()
    await expect(page.locator("#announce")).to_contain_text("Thank you.")
    assert await violations(page) == []
    await page.reload()
    await expect(yes).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#status")).to_have_text("Resolved")
    assert seen.complaints == []


async def test_a_no_takes_a_comment_and_brings_a_person(
    site: str, seen: Visit, database: Database, services: IngressServices
) -> None:
    page = seen.page
    await open_resolved(page, site, database)
    no = page.get_by_role("button", name="No", exact=True)
    await no.focus()
    await page.keyboard.press("Enter")
    box = page.get_by_label("What is still missing? (optional)")
    await expect(box).to_be_focused()
    await expect(no).to_have_attribute("aria-expanded", "true")
    assert await violations(page) == []
    await page.keyboard.type("It still fails.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#status")).to_have_text("With our team")
    await expect(page.locator("#survey")).to_be_hidden()
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    await expect(page.get_by_text("within 5 minutes", exact=True)).to_be_hidden()
    await expect(page.get_by_text(re.compile(r"^by .*\d:\d\d"))).to_be_visible()
    await expect(page.locator("#announce")).to_contain_text("A member of our team will look into it")
    (line,) = await services.escalations.fetch()
    assert line.summary.endswith("The customer wrote: It still fails.")
    assert seen.complaints == []


async def test_an_answer_that_fails_is_told_and_can_be_given_again(site: str, seen: Visit, database: Database) -> None:
    page = seen.page
    await open_resolved(page, site, database)
    refusal = {"detail": "something went wrong"}
    await page.route("**/survey", lambda route: route.fulfill(status=400, json=refusal))
    yes = page.get_by_role("button", name="Yes", exact=True)
    await yes.click()
    await expect(page.locator("#survey-problem")).not_to_be_empty()
    await expect(yes).to_have_attribute("aria-pressed", "false")
    await page.unroute("**/survey")
    await yes.click()
    await expect(yes).to_have_attribute("aria-pressed", "true")
    await expect(page.locator("#survey-problem")).to_be_empty()


async def test_the_question_fits_a_phone_in_the_dark_and_right_to_left(
    site: str, browser: Browser, database: Database
) -> None:
    async with visit(browser, width=320, height=800, dark=True) as seen:
        page = seen.page
        await open_resolved(page, site, database)
        await page.get_by_role("button", name="No", exact=True).click()
        await page.evaluate("document.documentElement.lang = 'ar'")
        await expect(page.get_by_role("heading", name="هل تم حل طلبك؟")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        assert await violations(page) == []
