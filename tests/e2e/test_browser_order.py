"""In the form things come in any order: words before answers, and answers after what has replaced them."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Route, expect

from tests.e2e.browser import CHROMIUM, PATIENCE_MS, Held, Visit
from tests.e2e.sites import fill, said, send
from tests.e2e.test_browser_files import file
from tests.unit.test_files import PNG
from tests.waiting import until

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")

TICKET = re.compile(r"/support/ticket/TF-[0-9-]+$")


async def test_what_is_written_while_a_message_is_being_sent_stays(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(said(page)).to_have_count(2)
    sending = Held()
    await page.route("**/messages", sending)
    box = page.get_by_label("Write a message")
    await box.fill("And lists?")
    await page.get_by_role("button", name="Send message").click()
    await sending.reached.wait()
    await box.fill("And labels?")
    sending.goes_on.set()
    await expect(page.locator("#write")).not_to_have_attribute("aria-busy", "true")
    await expect(box).to_have_value("And labels?")
    await page.get_by_role("button", name="Send message").click()
    await expect(page.get_by_text("And labels?", exact=True)).to_be_visible()
    await expect(box).to_have_value("")


async def test_what_is_written_while_another_language_comes_stays(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(said(page)).to_have_count(2)
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def delay(route: Route) -> None:
        reached.set()
        await goes_on.wait()
        await route.continue_()

    await page.route(TICKET, delay)
    await page.evaluate("document.querySelector('support-form').lang = 'de'")
    await reached.wait()
    await page.get_by_label("Write a message").fill("And lists?")
    goes_on.set()
    await expect(page.get_by_label("Nachricht schreiben")).to_have_value("And lists?")


async def test_request_that_is_sent_again_in_another_language_is_the_same(site: str, seen: Visit) -> None:
    page = seen.page
    sending = Held()
    await page.route("**/support/submit", sending)
    await page.goto(site)
    await fill(page)
    await send(page)
    await sending.reached.wait()
    await page.evaluate("document.querySelector('support-form').lang = 'de'")
    await page.get_by_role("button", name="Anfrage senden").click()
    await expect(said(page)).to_have_count(2)
    keys = {request.headers["idempotency-key"] for request in seen.requests if request.method == "POST"}
    assert len(keys) == 1
    async with page.expect_response("**/support/submit"):
        sending.goes_on.set()


async def test_older_list_of_files_does_not_replace_a_newer_one(site: str, seen: Visit) -> None:
    page = seen.page
    lists: list[Route] = []
    goes_on = asyncio.Event()

    async def delay_the_second(route: Route) -> None:
        """The first is read when the conversation opens, the second after the file that comes with it."""
        if route.request.method == "GET":
            lists.append(route)
        if len(lists) != 2 or route.request.method != "GET":
            await route.continue_()
            return
        answer = await route.fetch(timeout=PATIENCE_MS)
        await goes_on.wait()
        await route.fulfill(response=answer)

    await page.route("**/attachments", delay_the_second)
    await page.goto(site)
    await fill(page)
    await page.get_by_label("Attach files").set_input_files([file("first.png", PNG)])
    await send(page)
    await expect(said(page)).to_have_count(2)
    await page.get_by_label("Write a message").fill("And this")
    await page.get_by_label("Attach files").set_input_files([file("second.pdf", b"%PDF-1.7\n")])
    await page.get_by_role("button", name="Send message").click()
    files = page.get_by_role("list", name="Files").get_by_role("button")
    await expect(files).to_have_count(2)
    async with page.expect_response("**/attachments") as answered:
        goes_on.set()
    await (await answered.value).finished()
    await page.evaluate("new Promise((go) => setTimeout(go))")
    await expect(files).to_have_count(2)


async def test_answer_that_could_not_be_read_is_read_a_little_later(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(said(page)).to_have_count(2)
    failed: list[Route] = []

    async def fail(route: Route) -> None:
        failed.append(route)
        await route.fulfill(status=503, json={"detail": "the database does not answer"})

    await page.route(TICKET, fail)
    await page.get_by_label("Write a message").fill("And lists?")
    await page.get_by_role("button", name="Send message").click()
    await expect(page.get_by_label("Write a message")).to_have_value("")
    await until(lambda: len(failed) >= 3)  # once for the message, once for its answer, and again
    await page.unroute(TICKET)
    await expect(said(page)).to_have_count(4)
