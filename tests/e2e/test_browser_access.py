"""Whoever uses it, however: axe finds nothing, keyboards and live regions work, motion can be reduced."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import CHROMIUM, Visit, violations, visit
from tests.e2e.sites import fill, said, send

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


async def empty_form(page: Page, site: str) -> None:
    await page.goto(site)
    await expect(page.get_by_label("Your name")).to_be_visible()


async def form_with_errors(page: Page, site: str) -> None:
    await empty_form(page, site)
    await page.get_by_label("E-mail").fill("nobody")
    await page.get_by_label("Message", exact=True).fill("x" * 5_001)
    await send(page)
    await expect(page.get_by_text("Please enter an address like name@example.com.")).to_be_visible()
    await expect(page.get_by_text("Characters too many: 1")).to_be_visible()


async def form_that_failed(page: Page, site: str) -> None:
    await page.route("**/support/submit", lambda route: route.fulfill(status=409, json={"detail": "Used before."}))
    await empty_form(page, site)
    await fill(page)
    await send(page)
    await expect(page.get_by_role("alert").filter(has_text="Used before.")).to_be_visible()


async def answered_conversation(page: Page, site: str) -> None:
    await empty_form(page, site)
    await fill(page)
    await send(page)
    await expect(said(page)).to_have_count(2)


async def escalated_conversation(page: Page, site: str) -> None:
    await empty_form(page, site)
    await fill(page, message="I want a refund")
    await send(page)
    await expect(page.locator("#status")).to_have_text("With our team")
    await page.get_by_role("button", name="Send message").click()
    await expect(page.get_by_text("Please fill in this field.")).to_be_visible()


async def wrong_link(page: Page, site: str) -> None:
    await page.goto(f"{site}/#ticket=TF-20260101-0001&token=nonsense")
    await expect(page.get_by_role("heading", level=1)).to_have_text("We could not open this request")


STATES: list[Callable[[Page, str], Awaitable[None]]] = [
    empty_form,
    form_with_errors,
    form_that_failed,
    answered_conversation,
    escalated_conversation,
    wrong_link,
]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing(site: str, browser: Browser, dark: bool) -> None:
    for state in STATES:
        async with visit(browser, dark=dark) as seen:
            await state(seen.page, site)
            assert await violations(seen.page) == [], state.__name__


async def test_axe_finds_nothing_on_a_phone_from_right_to_left(site: str, browser: Browser) -> None:
    async with visit(browser, width=360, height=740, locale="ar-EG") as seen:
        await seen.page.goto(site)
        await seen.page.get_by_role("button", name="إرسال الطلب").click()
        await expect(seen.page.get_by_text("يرجى ملء هذا الحقل.")).to_have_count(4)
        assert await violations(seen.page) == []


async def test_axe_is_really_asked(site: str, seen: Visit) -> None:
    await empty_form(seen.page, site)
    await seen.page.evaluate(
        "document.querySelector('support-form').shadowRoot.querySelector('label[for=email]').removeAttribute('for')"
    )
    assert "label" in [each.split(":")[0] for each in await violations(seen.page)]


async def test_what_happens_is_told_and_focus_follows(site: str, seen: Visit) -> None:
    page = seen.page
    await empty_form(page, site)
    await fill(page)
    await send(page)
    heading = page.get_by_role("heading", level=1)
    await expect(heading).to_be_focused()
    told = page.get_by_role("status").filter(has_text="received.")
    await expect(told).to_have_text(
        f"Request {await heading.inner_text()} received. Expected response within 5 minutes."
    )
    await expect(page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    await expect(page.get_by_role("log")).to_contain_text("You asked: How do I create a board?")


async def test_problem_of_a_field_is_its_description(site: str, seen: Visit) -> None:
    await empty_form(seen.page, site)
    await send(seen.page)
    name = seen.page.get_by_label("Your name")
    await expect(name).to_have_accessible_description("Please fill in this field.")
    await expect(name).to_have_attribute("aria-invalid", "true")


async def test_keyboard_reaches_everything_in_order_and_shows_where_it_is(site: str, seen: Visit) -> None:
    page = seen.page
    await answered_conversation(page, site)
    await page.get_by_role("heading", level=1).focus()
    reached = []
    for _ in range(6):
        await page.keyboard.press("Tab")
        name, outline = await page.evaluate(
            """() => {
                const at = document.activeElement.shadowRoot.activeElement;
                const style = getComputedStyle(at);
                return [at.textContent || at.name, style.outlineStyle + " " + style.outlineWidth];
            }"""
        )
        reached.append(name)
        assert outline == "solid 2px", name
    assert reached == ["Copy link", "New request", "https://docs.example/boards", "message", "files", "Send message"]


async def test_motion_is_reduced_when_asked_for(site: str, browser: Browser) -> None:
    async with visit(browser, still=True) as seen:
        page = seen.page
        await page.route("**/support/submit", lambda route: None)  # never answered, so that the button stays busy
        await empty_form(page, site)
        assert (
            await page.get_by_label("Your name").evaluate("(node) => getComputedStyle(node).transitionDuration") == "0s"
        )
        await fill(page)
        await send(page)
        spin = await page.locator("#send").evaluate("(node) => getComputedStyle(node, '::after').animationDuration")
        assert spin == "4s"
