"""The desk in a real browser, on the real application and Postgres; a responder stands in for the FTE."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Route, expect

from agent.records import ToolCall, TurnContext, TurnDecision
from crm.database import Database
from deployments.web.app import create_app
from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, PATIENCE_MS, Visit, visit
from tests.e2e.sites import serving
from tests.integration.http_spine import OPERATOR, OPERATOR_KEY, SUBMISSION, responder
from tests.integration.spine import escalate, hold, reply_to
from tests.waiting import until

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")

MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b>'
TRACE = (
    ToolCall("create_ticket", {"subject": None}, '{"ticket_id": "TF-1"}', 0.1),
    ToolCall("analyze_sentiment", {}, "{}", 0.4, {"score": -0.62, "negative_streak": 2}),
    ToolCall("policy", {}, "no rule matched", 1.5),
    ToolCall(
        "search_knowledge_base",
        {"query": f"money back {MARKUP}"},
        "matched=True",
        12.25,
        {
            "matched": True,
            "similarity_needed": 0.4,
            "embedding_model": "test",
            "passages": [
                {
                    "article": "billing/refunds",
                    "section": f"Refunds > Who decides {MARKUP}",
                    "url": "https://docs.example/refunds",
                    "similarity": 0.71,
                    "score": 0.0325,
                    "text": "Refunds are decided by the billing team.",
                },
                {
                    "article": "billing/invoices",
                    "section": f"Invoices, receipts and payment details: {'where to find them ' * 5}> Invoices",
                    "url": "javascript:document.title=3",
                    "similarity": None,
                    "score": 0.0161,
                    "text": MARKUP,
                },
            ],
        },
    ),
    ToolCall("guardrails", {}, "money: 'a refund'", 0.2, {"kept": False}),
    ToolCall("escalate_to_human", {"reason_code": "refund_request"}, MARKUP, 0.1),
)


def decide(context: TurnContext) -> TurnDecision:
    if context.state == "escalated":
        return hold(context)
    if "refund" in context.text:
        decision = escalate(context)
        assert decision.escalation is not None
        request = replace(decision.escalation, summary=f"refund_request: asked\nThe customer wrote: {context.text}")
        return replace(decision, escalation=request, trace=TRACE, sentiments=tuple(-0.62 for _ in context.burst))
    return reply_to(context, f"You asked: {context.burst[-1].body}")


@pytest.fixture
async def site(database: Database, services: IngressServices) -> AsyncIterator[str]:
    """The address of the application with something that answers, and hands refunds over."""
    async with serving(create_app(services)) as address, responder(database, decide):
        yield address


class Customer:
    """Somebody who writes through the form's interface and looks at the ticket."""

    def __init__(self, client: httpx.AsyncClient, answer: dict[str, Any]) -> None:
        self._client = client
        self.ticket_id: str = answer["ticket_id"]
        self._token = answer["access_token"]

    async def write(self, text: str) -> None:
        sent = await self._client.post(
            f"/support/ticket/{self.ticket_id}/messages", params={"token": self._token}, json={"message": text}
        )
        assert sent.status_code == 201

    async def read(self) -> dict[str, Any]:
        seen = await self._client.get(f"/support/ticket/{self.ticket_id}", params={"token": self._token})
        answer: dict[str, Any] = seen.json()
        return answer

    async def wait_for(self, text: str) -> None:
        """Wait until a message with this text is shown."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while text not in [each["body"] for each in (await self.read())["messages"]]:  # noqa: ASYNC110  # polled
                await asyncio.sleep(0.02)


@pytest.fixture
async def client(site: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site, timeout=PATIENCE_MS / 1000) as client:
        yield client


async def ask(client: httpx.AsyncClient, **changes: str) -> Customer:
    sent = await client.post("/support/submit", json={**SUBMISSION, "message": "I want a refund", **changes})
    assert sent.status_code == 201, sent.text
    return Customer(client, sent.json())


@asynccontextmanager
async def at_the_desk(browser: Browser, site: str, name: str, **look: Any) -> AsyncIterator[Visit]:
    """A browser of its own in which somebody has signed in."""
    async with visit(browser, **look) as seen:
        await seen.page.goto(f"{site}/desk")
        await sign_in(seen.page, name)
        await expect(seen.page.locator("#link-state")).to_have_text("Live")
        yield seen


async def sign_in(page: Page, name: str, key: str = OPERATOR_KEY) -> None:
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("Operator key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


def line(page: Page, name: str = "Ada Example") -> Any:
    return page.get_by_role("navigation").get_by_role("link", name=name)


async def open_only(page: Page) -> None:
    await line(page).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")


async def test_two_operators_share_a_desk(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        grace = (await stack.enter_async_context(at_the_desk(browser, site, "Grace"))).page
        edgar = (await stack.enter_async_context(at_the_desk(browser, site, "Edgar"))).page
        await expect(grace.get_by_text("Nobody waits for a person.")).to_be_visible()

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


async def test_markup_of_customers_stays_text(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    await ask(client, name=MARKUP[:90], subject=MARKUP, message=f"refund {MARKUP}")
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await page.get_by_role("navigation").get_by_role("link").first.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(MARKUP)
        await expect(page.get_by_role("article").first).to_contain_text(f"refund {MARKUP}")
        await page.keyboard.press("r")
        await page.keyboard.type(MARKUP)
        await page.keyboard.press("Control+Enter")
        await expect(page.get_by_role("article").filter(has_text="Delivered").last).to_contain_text(MARKUP)
        assert await page.locator("#desk script, #desk b, #desk img[src=x]").count() == 0
        assert await page.title() == "Support desk"
        assert seen.complaints == []


async def test_scripts_reach_neither_key_nor_session(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    await ask(client)
    async with at_the_desk(browser, site, "Grace") as seen:
        await open_only(seen.page)
        assert await seen.page.evaluate("document.cookie") == ""
        kept = await seen.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        assert kept == '[{"fte-desk-name":"Grace"},{}]'
        assert OPERATOR_KEY not in await seen.page.content()
        (cookie,) = await seen.page.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        refused = await seen.page.evaluate("try { document.body.innerHTML = '<p>'; 'made' } catch (e) { e.name }")
        assert refused == "TypeError", "markup is made by templates only"
        for request in seen.requests:
            assert request.url.startswith(f"{site}/"), request.url
            assert OPERATOR_KEY not in request.url


async def test_wrong_key_is_told_and_signing_in_again_keeps_the_draft(
    browser: Browser, site: str, client: httpx.AsyncClient
) -> None:
    customer = await ask(client)
    async with visit(browser) as seen:
        page = seen.page
        await page.goto(f"{site}/desk")
        await sign_in(page, "Grace", "wrong")
        await expect(page.get_by_role("alert")).to_have_text("This is not the operator key")
        await sign_in(page, "Grace")
        await open_only(page)
        await page.get_by_label("Reply to").fill("A long answer")
        await page.context.clear_cookies()
        await page.get_by_role("button", name="Take over and send").click()
        await expect(page.get_by_role("alert")).to_contain_text("Your session has ended.")
        await page.get_by_label("Operator key").fill(OPERATOR_KEY)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_label("Reply to")).to_have_value("A long answer")
        await page.get_by_role("button", name="Take over and send").click()
        await customer.wait_for("A long answer")
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Operator key")).to_be_visible()
        assert await page.context.cookies() == []


async def test_reply_whose_answer_was_lost_is_sent_once(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    customer = await ask(client)
    lost = 0

    async def lose_first(route: Route) -> None:
        nonlocal lost
        lost += 1
        if lost == 1:
            await route.fetch(timeout=PATIENCE_MS)
            await route.abort()
        else:
            await route.continue_()

    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await page.route("**/reply", lose_first)
        await open_only(page)
        await page.get_by_label("Reply to").fill("Once only")
        await page.get_by_role("button", name="Take over and send").click()
        await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_label("Reply to")).to_have_value("")
        await customer.wait_for("Once only")
        assert [message["body"] for message in (await customer.read())["messages"]].count("Once only") == 1

        lost = 0
        await page.get_by_label("Reply to").fill("Not like this")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        await page.get_by_label("Reply to").fill("But like this")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_label("Reply to")).to_have_value("")
        await customer.wait_for("But like this")


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


async def test_desk_works_without_event_streams(browser: Browser, site: str, client: httpx.AsyncClient) -> None:
    async with visit(browser) as seen:
        page = seen.page
        await page.route("**/desk/events*", lambda route: route.fulfill(status=429, json={"detail": "too many"}))
        await page.goto(f"{site}/desk")
        await sign_in(page, "Grace")
        await expect(page.locator("#link-state")).to_have_text("Looks every 5 s")
        await ask(client)
        await expect(line(page)).to_be_visible()


async def test_closed_page_frees_its_stream(
    browser: Browser, site: str, client: httpx.AsyncClient, services: IngressServices
) -> None:
    async with at_the_desk(browser, site, "Grace"):
        await until(lambda: services.desk_streams.open == 1)
    await until(lambda: services.desk_streams.open == 0)


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
    async def violations(page: Page) -> list[str]:
        found = await Axe().run(page)
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found.response["violations"]
            for node in each["nodes"]
        ]

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


async def test_api_of_operators_still_takes_the_key(client: httpx.AsyncClient) -> None:
    assert (await client.get("/escalations", headers=OPERATOR)).status_code == 200
