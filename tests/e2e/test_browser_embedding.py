"""`<support-form>` on another site's page: one script tag, a strict policy, and only where it is allowed."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from crm.database import Database
from deployments.web.app import create_app
from tests.e2e.browser import CHROMIUM, Visit, visit
from tests.e2e.sites import decide, fill, said, send, serving
from tests.integration.http_spine import responder, services_for

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


def shop(support: Callable[[], str], markup: str = "<support-form></support-form>") -> ASGIApp:
    """Another site with the form on every page, under a policy that forbids what a form could do without."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        origin = support()
        page = f"""<!doctype html><html lang="en"><head><title>Shop</title>
            <script type="module" src="{origin}/support-form.js"></script></head>
            <body><h1>Shop</h1>{markup}<p id="prices">Prices</p></body></html>"""
        policy = (
            f"default-src 'none'; script-src {origin}; connect-src {origin}; "
            "require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'"
        )
        response = HTMLResponse(page, headers={"Content-Security-Policy": policy})
        if Request(scope).url.path == "/favicon.ico":
            response = HTMLResponse("", 204)
        await response(scope, receive, send)

    return app


@asynccontextmanager
async def shop_and_support(
    database: Database, markup: str = "<support-form></support-form>"
) -> AsyncIterator[tuple[str, str]]:
    """The origins of the shop, which is allowed, and of the support site."""
    support = ""
    async with serving(shop(lambda: support, markup)) as shop_origin:
        services = replace(services_for(database), allowed_origins=(shop_origin,))
        async with serving(create_app(services)) as support, responder(database, decide):
            yield shop_origin, support
            await services.streams.close()  # or the server waits for the page that is still open


async def test_form_works_on_another_site_by_one_script_tag(database: Database, seen: Visit) -> None:
    page = seen.page
    async with shop_and_support(database) as (shop_origin, support):
        await page.goto(f"{shop_origin}/help?x=1#prices")
        await fill(page)
        await send(page)
        await expect(page.get_by_role("heading", level=2)).to_have_text(re.compile(r"^TF-\d{8}-\d{4}$"))
        await expect(said(page)).to_have_count(2)
        await page.get_by_label("Write a message").fill("And lists?")
        await page.get_by_role("button", name="Send message").click()
        await expect(said(page)).to_have_count(4)
        assert page.url == f"{shop_origin}/help?x=1#prices", "the address of the shop's page is the shop's"
        assert {request.url.split("/")[2] for request in seen.requests} == {
            origin.split("/")[2] for origin in (shop_origin, support)
        }
        for request in seen.requests[1:]:
            assert "cookie" not in request.headers
            assert request.headers.get("referer", "").rstrip("/") in ("", shop_origin, support), "no path of the shop's"
        assert seen.complaints == []


async def test_conversation_stays_open_in_the_tab_and_its_link_opens_the_support_site(
    database: Database, seen: Visit, browser: Browser
) -> None:
    page = seen.page
    async with shop_and_support(database) as (shop_origin, support):
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop_origin)
        await page.goto(shop_origin)
        await fill(page)
        await send(page)
        await expect(said(page)).to_have_count(2)
        await page.reload()
        await expect(said(page)).to_have_count(2)
        await expect(page.get_by_text("within 5 minutes", exact=True)).to_be_visible()
        await page.get_by_role("button", name="Copy link").click()
        # The button says so too, but only for a moment.
        await expect(page.locator("#announce")).to_have_text("Copied")
        link = await page.evaluate("navigator.clipboard.readText()")
        assert link.startswith(f"{support}/#ticket=TF-")
        async with visit(browser) as other:
            await other.page.goto(link)
            await expect(said(other.page)).to_have_count(2)
        await page.get_by_role("button", name="New request").click()
        await expect(page.get_by_label("Your name")).to_be_focused()
        await page.reload()
        await expect(page.get_by_label("Your name")).to_be_visible()


async def test_link_can_be_copied_by_hand_where_the_clipboard_is_shut(database: Database, seen: Visit) -> None:
    page = seen.page
    async with shop_and_support(database) as (shop_origin, support):
        await page.add_init_script("delete Navigator.prototype.clipboard")
        await page.goto(shop_origin)
        await fill(page)
        await send(page)
        await page.get_by_role("button", name="Copy link").click()
        await expect(page.get_by_label("Link to this conversation")).to_have_value(
            re.compile(f"^{support}/#ticket=TF-")
        )


async def test_request_opens_where_storage_is_off(database: Database, seen: Visit) -> None:
    page = seen.page
    await page.add_init_script(
        "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('off', 'SecurityError') } })"
    )
    async with shop_and_support(database) as (shop_origin, _):
        await page.goto(shop_origin)
        await fill(page)
        await send(page)
        await expect(said(page)).to_have_count(2)
        await expect(page.get_by_text("within 5 minutes", exact=True)).to_be_visible()


async def test_site_that_is_not_allowed_gets_no_form_and_no_answer(database: Database, seen: Visit) -> None:
    page = seen.page
    async with shop_and_support(database) as (shop_origin, support):
        other = shop_origin.replace("127.0.0.1", "localhost")
        await page.goto(other)
        await expect(page.locator("#prices")).to_be_visible()
        load = "(url) => import(url).then(() => 'loaded', (error) => error.name)"
        failed = await page.evaluate(load, f"{support}/support-form.js")
        assert failed == "TypeError"
        assert await page.evaluate("customElements.get('support-form') === undefined")
        for path in ("/support/submit", "/support/ticket/TF-20260101-0001/messages"):
            assert await refused(page, f"{support}{path}")
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT count(*) FROM messages") == 0


async def refused(page: Page, address: str) -> bool:
    """Whether the browser keeps a script of the page from posting JSON there."""
    post = "(url) => fetch(url, {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}})"
    return bool(await page.evaluate(f"(url) => ({post})(url).then(() => false, () => true)", address))


async def test_desk_is_shut_to_the_sites_that_embed_the_form(database: Database, seen: Visit) -> None:
    async with shop_and_support(database) as (shop_origin, support):
        await seen.page.goto(shop_origin)
        ask = "(url) => fetch(url, {headers: {Authorization: 'Bearer x'}}).then(() => false, () => true)"
        assert await seen.page.evaluate(ask, f"{support}/escalations")


async def test_attributes_prefill_and_name_and_theme(database: Database, seen: Visit) -> None:
    markup = (
        '<support-form theme="dark" team="Shop Team" heading-level="3" prefill-name="Ada Example" '
        'prefill-email="ada@example.com" prefill-category="billing"></support-form>'
    )
    page = seen.page
    async with shop_and_support(database, markup) as (shop_origin, _):
        await page.goto(shop_origin)
        await expect(page.get_by_role("heading", level=3)).to_have_text("Send a request")
        await expect(page.get_by_label("Your name")).to_have_value("Ada Example")
        await expect(page.get_by_label("E-mail")).to_have_value("ada@example.com")
        await expect(page.get_by_label("Category")).to_have_value("billing")
        await expect(page.locator("support-form .card")).to_have_css("background-color", "rgb(27, 30, 37)")
        await fill(page)
        await send(page)
        await expect(said(page).last).to_contain_text("Shop Team")


async def test_page_s_style_reaches_the_form_by_its_properties_and_parts_only(database: Database, seen: Visit) -> None:
    page = seen.page
    async with shop_and_support(database) as (shop_origin, _):
        await page.goto(shop_origin)
        await expect(page.get_by_label("Your name")).to_be_visible()
        await page.evaluate(
            """() => {
                const sheet = new CSSStyleSheet();
                sheet.replaceSync(`
                    html { font-size: 62.5% } * { color: red } button { background: red; border-radius: 0 }
                    support-form { --support-accent: rgb(0, 90, 60) }
                    support-form::part(button) { border-radius: 3px }`);
                document.adoptedStyleSheets = [sheet];
            }"""
        )
        button = page.get_by_role("button", name="Send request")
        await expect(button).to_have_css("background-color", "rgb(0, 90, 60)")
        await expect(button).to_have_css("border-radius", "3px")
        await expect(button).to_have_css("font-size", "16px")
        await expect(page.get_by_label("Your name")).to_have_css("color", "rgb(27, 31, 36)")


async def test_element_may_come_and_go(database: Database, seen: Visit) -> None:
    page = seen.page
    async with shop_and_support(database) as (shop_origin, _):
        await page.goto(shop_origin)
        await page.get_by_label("Subject").fill("half typed")
        await page.evaluate("document.body.prepend(document.querySelector('support-form'))")
        await expect(page.get_by_label("Subject")).to_have_value("half typed")
        await page.evaluate("document.querySelector('support-form').remove()")
        await page.evaluate("document.body.append(document.createElement('support-form'))")
        await fill(page)
        await send(page)
        await expect(said(page)).to_have_count(2)
