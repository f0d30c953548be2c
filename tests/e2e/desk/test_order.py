"""At the desk answers come in any order, or not at all: none replaces what is newer."""

from __future__ import annotations

import asyncio
import json
import re

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from tests.e2e.browser import CHROMIUM, Held
from tests.e2e.desk.people import ask, at_the_desk, line, open_only, sign_in

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")

CONVERSATION = re.compile(r"/conversations/[0-9a-f-]{36}$")


async def test_refusal_of_a_session_that_is_over_does_not_end_the_next(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(page.get_by_text("Nobody waits for a person.")).to_be_visible()
        old = Held(status=401)
        await page.route("**/escalations?*", old)
        await page.keyboard.press("4")
        await old.reached.wait()
        await page.get_by_role("button", name="Sign out").click()
        await sign_in(page, "Edgar")
        await expect(page.locator("#link-state")).to_have_text("Live")
        await ask(client)
        old.goes_on.set()
        await page.get_by_role("button", name="Waiting").click()
        await expect(line(page)).to_be_visible()


async def test_reply_that_fails_is_told_where_the_operator_is_by_then(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    customer = await ask(client)
    await ask(client, name="Bob Example", subject="Other")
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(line(page, "Bob Example")).to_be_visible()
        await open_only(page)
        replying = Held(status=409)
        await page.route("**/reply", replying)
        await page.get_by_label("Reply to").fill("Hello")
        await page.get_by_role("button", name="Take over and send").click()
        await replying.reached.wait()
        await line(page, "Bob Example").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Other")
        replying.goes_on.set()
        await expect(page.get_by_role("alert")).to_contain_text(f"{customer.ticket_id}: ")


async def test_of_two_looks_for_a_customer_the_later_counts(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    for name in ("bob", "eve"):
        await ask(client, email=f"{name}@example.com", subject=f"Of {name}", message="How do I create a board?")
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        find = page.get_by_role("searchbox")
        first = Held()
        await page.route("**/customers/lookup?*bob*", first)
        await find.fill("bob@example.com")
        await find.press("Enter")
        await first.reached.wait()
        await find.fill("eve@example.com")
        await find.press("Enter")
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("Of eve")
        await find.fill("half typed")
        async with page.expect_response("**/customers/lookup?*bob*") as answered:
            first.goes_on.set()
        await (await answered.value).finished()
        await page.evaluate("new Promise((go) => setTimeout(go))")
        await expect(find).to_have_value("half typed")
        await expect(heading).to_have_text("Of eve")


async def test_answer_that_breaks_off_is_asked_for_again(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    await ask(client)
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        broken = {"status": 200, "content_type": "application/json", "body": '{"conversation_id": '}
        await page.route(CONVERSATION, lambda route: route.fulfill(**broken), times=1)
        await line(page).click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")
        assert seen.complaints == []


async def test_what_is_told_at_once_is_all_heard(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    await ask(client)

    async def add_news(route: Route) -> None:
        """One more line, and what went to the first customer did not arrive."""
        answer = await route.fetch()
        (told,) = (await answer.json())["escalations"]
        other = {**told, "escalation_id": "another", "customer_name": "Bob Example"}
        failed = {**told, "undelivered_at": told["created_at"], "undelivered": "no such address"}
        await route.fulfill(response=answer, body=json.dumps({"escalations": [failed, other]}))

    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(line(page)).to_be_visible()
        await page.route("**/escalations?*", add_news, times=1)
        await page.keyboard.press("4")
        told = page.get_by_role("status").filter(has_text="New escalation: Bob Example")
        await expect(told).to_contain_text("Not delivered: the reply to Ada Example")


async def test_page_says_what_it_does_not_know_yet(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await expect(page.get_by_text("Nobody waits for a person.")).to_be_visible()
        reading = Held()
        await page.route("**/escalations?*", reading)
        await page.get_by_role("button", name="Closed").click()
        await reading.reached.wait()
        await expect(page.get_by_role("navigation").get_by_text("Loading…")).to_be_visible()
        reading.goes_on.set()
        await expect(page.get_by_text("Nothing has been closed yet.")).to_be_visible()

        asked: asyncio.Queue[Route] = asyncio.Queue()
        await page.route("**/desk/events*", asked.put)
        await page.reload()
        stream = await asked.get()
        await expect(page.locator("#link-state")).to_have_text("Connecting…")
        await stream.continue_()
        await expect(page.locator("#link-state")).to_have_text("Live")
