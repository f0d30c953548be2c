"""What operators do at the desk, together and alone."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack

import httpx
import pytest
from playwright.async_api import Browser, Page, Route, expect

from agent.records import Channel, Severity
from crm.aftercare import Aftercare
from crm.database import Database
from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, violations
from tests.e2e.desk.people import ask, at_the_desk, line, open_only
from tests.integration.test_aftercare import LATER

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


async def test_two_operators_share_a_desk(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        grace = (await stack.enter_async_context(at_the_desk(browser, site, "Grace"))).page
        edgar = (await stack.enter_async_context(at_the_desk(browser, site, "Edgar"))).page
        for page in (grace, edgar):
            await expect(page.get_by_text("Nobody waits for a person.")).to_be_visible()

        customer = await ask(client)
        for page in (grace, edgar):
            await expect(line(page)).to_contain_text("Refund request · Billing · Web form")
            await expect(page).to_have_title("(1) Support desk")
            await expect(page.get_by_role("status").filter(has_text="New escalation: Ada Example")).to_have_count(1)
            await open_only(page)
            await expect(page.locator("#standing")).to_have_text("Waits for a person")

        await take_at_the_same_time(grace, edgar)
        winner, loser, name = (grace, edgar, "Grace")
        if await grace.locator("#standing").text_content() != "With you":
            winner, loser, name = (edgar, grace, "Edgar")
        await expect(winner.locator("#standing")).to_have_text("With you")
        await expect(loser.locator("#standing")).to_have_text(f"With {name}")
        await expect(loser.get_by_role("alert")).to_contain_text(f"{name} has this conversation")
        await expect(loser.locator("#theirs")).to_contain_text(f"{name} has this conversation and answers here.")
        await expect(loser.get_by_label("Reply to")).to_have_count(0)

        await winner.keyboard.press("r")
        await winner.keyboard.type("It is on its way.\nBest wishes")
        await winner.keyboard.press("Control+Enter")
        await customer.wait_for("It is on its way.\nBest wishes")
        for page in (winner, loser):
            reply = page.get_by_role("article").filter(has_text="It is on its way.")
            await expect(reply).to_contain_text(name)
            await expect(reply).to_contain_text("Delivered")
        await expect(winner.get_by_label("Reply to")).to_have_value("")

        await winner.get_by_role("button", name="Hand back…").click()
        await winner.get_by_label("Note for your colleagues").fill("Refunded by hand.")
        await winner.get_by_role("dialog").get_by_role("button", name="Hand back").click()
        for page in (winner, loser):
            await expect(page.locator("#standing")).to_have_text("With the FTE")
            await expect(page.get_by_text(f"{name} handed it back to the FTE")).to_be_visible()
            await expect(page.get_by_text("Refunded by hand.")).to_be_visible()
        await customer.write("Thanks! How do I create a board?")
        await customer.wait_for("You asked: Thanks! How do I create a board?")
        await expect(loser.get_by_role("article").filter(has_text="You asked: Thanks!")).to_contain_text("Delivered")

        await customer.write("Now the other refund")
        await expect(loser.locator("#standing")).to_have_text("Waits for a person")
        await loser.get_by_role("button", name="Take over", exact=True).click()
        await expect(loser.locator("#standing")).to_have_text("With you")
        await loser.get_by_role("button", name="Resolve…").click()
        await loser.get_by_role("dialog").get_by_role("button", name="Resolve").click()
        for page in (winner, loser):
            await expect(page.locator("#standing")).to_have_text("Resolved")
            await expect(line(page)).to_have_count(0)
        assert (await customer.read())["status"] == "resolved"
        await loser.get_by_role("button", name="Closed").click()
        await expect(line(loser)).to_have_count(2)


async def take_at_the_same_time(*pages: Page) -> None:
    """Press the button on each page, and let the requests go when all of them are made."""
    together = asyncio.Barrier(len(pages))

    async def wait_for_the_others(route: Route) -> None:
        await together.wait()
        await route.continue_()

    for page in pages:
        await page.route("**/take", wait_for_the_others)
    await asyncio.gather(*(page.get_by_role("button", name="Take over", exact=True).click() for page in pages))
    for page in pages:
        await expect(page.locator("#standing")).to_have_text(re.compile("^With (you|Grace|Edgar)$"))
        await page.unroute("**/take")


async def test_who_went_home_is_replaced_on_purpose(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    await ask(client)
    async with at_the_desk(browser, site, "Grace") as first, at_the_desk(browser, site, "Edgar") as second:
        await open_only(first.page)
        await first.page.keyboard.press("t")
        await expect(first.page.locator("#standing")).to_have_text("With you")
        page = second.page
        await page.get_by_role("button", name="All live").click()
        await open_only(page)
        await page.get_by_role("button", name="Take from Grace…").click()
        await expect(page.get_by_role("dialog")).to_contain_text("Take it from Grace?")
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.locator("#standing")).to_have_text("With Grace")
        await page.keyboard.press("t")
        await page.get_by_role("button", name="Take it from Grace").click()
        await expect(page.locator("#standing")).to_have_text("With you")
        await expect(first.page.locator("#standing")).to_have_text("With Edgar")
        assert first.complaints == second.complaints == []


async def test_dialog_asked_for_again_while_it_closes_opens_again(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    """A browser tells that a dialog has closed in a later task; a key may come between the two."""
    await ask(client)
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await open_only(page)
        await page.keyboard.press("e")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.evaluate("""
            document.querySelector("dialog button[value=cancel]").click();
            document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "e", bubbles: true, cancelable: true }));
        """)
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await page.keyboard.press("h")
        await expect(page.get_by_role("dialog")).to_contain_text("Hand back")


async def test_desk_shows_what_the_fte_saw(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    await ask(client)
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await open_only(page)
        await page.keyboard.press("w")
        pane = page.locator("#seen")
        await expect(pane).to_be_focused()
        await expect(pane.get_by_text("Upset −0.62, 2 upset in a row")).to_be_visible()
        await expect(pane.get_by_text("Matched; needs 0.40")).to_be_visible()
        passage = pane.locator("summary", has_text="Who decides")
        await expect(passage).to_contain_text("0.71")
        await passage.click()
        await expect(pane.get_by_text("Refunds are decided by the billing team.")).to_be_visible()
        await expect(pane.get_by_role("link")).to_have_attribute("href", "https://docs.example/refunds")
        await pane.locator("summary", has_text="where to find them").click()
        await expect(pane.get_by_role("link")).to_have_count(1)
        await expect(pane.get_by_text("money: 'a refund'")).to_be_visible()
        assert await page.locator("aside").evaluate("pane => pane.scrollWidth <= pane.clientWidth"), "all of it fits"
        await expect(page.get_by_role("article").first).to_contain_text("Upset −0.62")


async def test_category_and_priority_are_assigned_for_all_to_see(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    customer = await ask(client)
    async with at_the_desk(browser, site, "Grace") as first, at_the_desk(browser, site, "Edgar") as second:
        for seen in (first, second):
            await open_only(seen.page)
        await first.page.get_by_label("Category").select_option("billing")
        await first.page.get_by_label("Priority").select_option("urgent")
        for seen in (first, second):
            await expect(seen.page.get_by_label("Category")).to_have_value("billing")
            await expect(seen.page.get_by_label("Priority")).to_have_value("urgent")
            await expect(seen.page.get_by_text("Assigned by Grace")).to_be_visible()
        ticket = await customer.read()
        assert (ticket["category"], ticket["priority"]) == ("billing", "urgent")


async def test_customers_are_found_by_their_address(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    await ask(client, email="bob@example.com", subject="Of Bob", message="How do I create a board?")
    async with at_the_desk(browser, site, "Grace") as seen:
        find = seen.page.get_by_role("searchbox")
        await find.fill("nobody@example.com")
        await find.press("Enter")
        await expect(find).to_have_js_property("validationMessage", "No such customer")
        await find.fill("bob@example.com")
        await find.press("Enter")
        await expect(seen.page.get_by_role("heading", level=1)).to_have_text("Of Bob")
        await expect(seen.page.locator("#standing")).to_have_text("With the FTE")


async def test_what_nobody_takes_is_seen_to_be_raised_again_and_what_a_customer_said_stands_between_the_messages(
    browser: Browser, site: str, client: httpx.AsyncClient, services: IngressServices, database: Database
) -> None:
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        customer = await ask(client)
        await expect(line(page)).to_contain_text("Refund request")
        await expect(line(page)).not_to_contain_text("Raised again")
        await open_only(page)
        for times in ("once", "2 times"):
            raised = await Aftercare(database).raise_again(Channel.WEB_FORM, dict.fromkeys(Severity, LATER), 10, 10)
            assert raised == 1
            services.wake_desks()
            await expect(line(page)).to_contain_text(f"Raised again {times}")
        assert await violations(page) == []

        (escalation,) = await services.escalations.fetch()
        await services.desk.resolve(escalation.conversation_id, "Edgar")
        await services.surveys.answer(escalation.conversation_id, solved=False, comment="The money is not here.")
        services.wake_desks()
        await expect(line(page)).to_contain_text("Not solved")
        timeline = page.locator("#timeline")
        await expect(timeline).to_contain_text("Asked whether it is solved, the customer said no")
        await expect(timeline).to_contain_text("The money is not here.")
        await expect(timeline).to_contain_text("Open again")
        assert (await customer.read())["status"] == "escalated"
        assert seen.complaints == []
