"""The page behind the link of a confirmation mail, in a real browser."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

import httpx
import pytest
from playwright.async_api import Browser, expect

from crm.confirmations import Confirmations
from crm.database import Database
from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, PATIENCE_MS, Visit, violations, visit
from tests.integration.http_spine import OPERATOR, SUBMISSION

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


@dataclass(frozen=True)
class Asked:
    """A request that was answered, and the page that its mail leads to."""

    ticket: str
    fragment: str


async def ask(site: str, database: Database) -> Asked:
    await Confirmations(database).switch_mail(on=True)
    async with httpx.AsyncClient(base_url=site, timeout=PATIENCE_MS / 1000) as client:
        ticket = (await client.post("/support/submit", json=SUBMISSION)).json()["ticket_id"]
        found = (await client.get(f"/tickets/{ticket}", headers=OPERATOR)).json()
        path = f"/conversations/{found['conversation_id']}/letters"

        letters: list[dict[str, str]] = []
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while not letters:
                letters = (await client.get(path, headers=OPERATOR)).json()["letters"]
    (letter,) = letters
    return Asked(ticket, letter["link"].partition("#")[2])


async def state_of(database: Database) -> str:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT state FROM confirmations")


async def test_link_asks_first_and_the_button_confirms(
    site: str, seen: Visit, database: Database, services: IngressServices
) -> None:
    asked = await ask(site, database)
    page = seen.page
    await page.goto(f"{site}/support/confirm#{asked.fragment}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Did you write to us?")
    await expect(page.get_by_text(f"Request {asked.ticket}")).to_be_visible()
    assert await violations(page) == []
    assert await state_of(database) == "asked", "a page that was only opened confirms nothing"
    assert all(request.method == "GET" for request in seen.requests)
    assert all("token" not in request.url for request in seen.requests), "the token reaches no server by itself"

    await page.get_by_role("button", name="Yes, confirm my address").focus()
    await page.keyboard.press("Enter")
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_have_text("Your address is confirmed")
    await expect(heading).to_be_focused()
    assert await state_of(database) == "confirmed"
    assert await violations(page) == []

    await page.get_by_role("link", name="Open the request").click()
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    assert seen.complaints == []


async def test_owner_who_did_not_write_says_so(site: str, seen: Visit, database: Database) -> None:
    asked = await ask(site, database)
    page = seen.page
    await page.goto(f"{site}/support/confirm#{asked.fragment}")
    await page.get_by_role("button", name="No, it was not me").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for telling us")
    await expect(page.get_by_role("link", name="Open the request")).to_be_hidden()
    assert await state_of(database) == "declined"
    assert await violations(page) == []


@pytest.mark.parametrize("fragment", ["", "token=", "token=nonsense&ticket=%3Cb%3E", "ticket=TF-20260101-0001"])
async def test_link_that_is_not_whole_says_so(site: str, seen: Visit, fragment: str) -> None:
    page = seen.page
    await page.goto(f"{site}/support/confirm#{fragment}")
    if await page.get_by_role("button", name="Yes, confirm my address").is_visible():
        await expect(page.locator("#request")).to_be_hidden()
        await page.get_by_role("button", name="Yes, confirm my address").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("This link does not work any more")
    await expect(page.get_by_role("link", name="Send a new request")).to_be_visible()
    assert await violations(page) == []


async def test_answer_that_fails_is_told_and_can_be_given_again(site: str, seen: Visit, database: Database) -> None:
    asked = await ask(site, database)
    page = seen.page
    await page.route("**/support/confirm", _fail_posts)
    await page.goto(f"{site}/support/confirm#{asked.fragment}")
    yes = page.get_by_role("button", name="Yes, confirm my address")
    await yes.click()
    await expect(page.get_by_role("alert")).to_have_text(re.compile("does not answer right now"))
    await expect(yes).to_be_enabled()
    assert await violations(page) == []
    await page.unroute("**/support/confirm")
    await yes.click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Your address is confirmed")


async def _fail_posts(route) -> None:  # type: ignore[no-untyped-def]
    if route.request.method == "POST":
        await route.fulfill(status=503, json={"detail": "the database does not answer"})
    else:
        await route.continue_()


async def test_page_fits_a_phone_in_the_dark_right_to_left_and_keeps_its_link_when_the_language_changes(
    site: str, browser: Browser, database: Database
) -> None:
    asked = await ask(site, database)
    async with visit(browser, width=320, height=800, dark=True, locale="ar-EG") as seen:
        page = seen.page
        await page.goto(f"{site}/support/confirm#{asked.fragment}")
        await expect(page.locator("html")).to_have_attribute("dir", "rtl")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        assert await violations(page) == []
        await page.get_by_role("link", name="Deutsch").click()
        await page.get_by_role("button", name="Ja, meine Adresse bestätigen").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Ihre Adresse ist bestätigt")
        assert seen.complaints == []
