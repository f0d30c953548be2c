"""What the desk keeps safe: markup stays text, the key out of reach, replies sent once, and sessions that end."""

from __future__ import annotations

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, FirstAnswerLost, visit
from tests.e2e.desk.people import MARKUP, ask, at_the_desk, line, open_only, sign_in
from tests.integration.http_spine import OPERATOR, OPERATOR_KEY
from tests.waiting import until

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


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
        await expect(page).to_have_title("Support desk")
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

        async def end_session(route: Route) -> None:
            """Just before the reply arrives: the page also finds it out by itself as soon as it looks for news."""
            await page.context.clear_cookies()
            await route.continue_()

        await page.route("**/reply", end_session, times=1)
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
    async with at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        lost = FirstAnswerLost()
        await page.route("**/reply", lost)
        await open_only(page)
        await page.get_by_label("Reply to").fill("Once only")
        await page.get_by_role("button", name="Take over and send").click()
        await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_label("Reply to")).to_have_value("")
        await customer.wait_for("Once only")
        assert [message["body"] for message in (await customer.read())["messages"]].count("Once only") == 1

        lost.asked = 0
        await page.get_by_label("Reply to").fill("Not like this")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
        await page.get_by_label("Reply to").fill("But like this")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.get_by_label("Reply to")).to_have_value("")
        await customer.wait_for("But like this")


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


async def test_api_of_operators_still_takes_the_key(client: httpx.AsyncClient) -> None:
    assert (await client.get("/escalations", headers=OPERATOR)).status_code == 200
