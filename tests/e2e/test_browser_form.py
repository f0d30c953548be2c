"""The support form in a real browser."""

from __future__ import annotations

import json
import re

import pytest
from playwright.async_api import Browser, expect
from pydantic import ValidationError

from channels.web_form.submission import Submission
from crm.database import Database
from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, FirstAnswerLost, Visit, visit
from tests.e2e.sites import fill, send
from tests.integration.http_spine import SUBMISSION, deliver_due
from tests.waiting import until

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")

MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b>'


async def count(database: Database, table: str) -> object:
    async with database.connection() as connection:
        return await connection.fetchval(f"SELECT count(*) FROM {table}")


async def test_question_gets_a_ticket_an_expected_time_and_its_answer(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^TF-\d{8}-\d{4}$"))
    await expect(page.get_by_text("within 5 minutes", exact=True)).to_be_visible()
    log = page.get_by_role("log")
    await expect(log.get_by_role("listitem")).to_have_count(2)
    await expect(log).to_contain_text("You asked: How do I create a board?")
    await expect(log.get_by_role("link")).to_have_attribute("href", "https://docs.example/boards")
    await expect(page.locator("#status")).to_have_text("Answered")
    assert seen.complaints == []


async def test_customer_writes_on_and_returns_by_the_link(site: str, seen: Visit, browser: Browser) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    log = page.get_by_role("log")
    await expect(log.get_by_role("listitem")).to_have_count(2)
    await page.get_by_label("Write a message").fill("And I want a refund")
    await page.get_by_role("button", name="Send message").click()
    await expect(log.get_by_role("listitem")).to_have_count(4)
    await expect(log).to_contain_text("A colleague will help you.")
    await expect(page.locator("#status")).to_have_text("With our team")
    await expect(page.get_by_label("Write a message")).to_have_value("")
    async with visit(browser) as other:
        await other.page.goto(page.url)
        await expect(other.page.get_by_role("log").get_by_role("listitem")).to_have_count(4)
        await other.page.get_by_role("button", name="New request").click()
        await expect(other.page.get_by_label("Your name")).to_be_focused()
        await expect(other.page).not_to_have_url(re.compile("#"))


async def test_empty_form_is_explained_and_not_sent(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await send(page)
    await expect(page.get_by_text("Please fill in this field.")).to_have_count(4)
    await expect(page.get_by_label("Your name")).to_be_focused()
    await expect(page.get_by_label("Your name")).to_have_attribute("aria-invalid", "true")
    await page.get_by_label("Your name").fill("Ada")
    await expect(page.get_by_text("Please fill in this field.")).to_have_count(3)
    assert [request for request in seen.requests if request.method == "POST"] == []


async def test_one_click_sends_even_when_leaving_a_field_shows_a_problem(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await page.get_by_label("E-mail").fill("nobody")
    await page.get_by_label("E-mail").focus()
    await send(page)
    await expect(page.get_by_text("Please fill in this field.")).to_have_count(3)
    await expect(page.get_by_text("Please enter an address like name@example.com.")).to_be_visible()
    await expect(page.get_by_label("Your name")).to_be_focused()


SAMPLES = {
    "name": ["Ada", "", "  ", "a\x07b", "\u200b", "😀" * 100, "😀" * 101, "x\u2028y", "O'Neil <b>"],
    "email": ["a@b.co", "A@B.CO", " a@b.co ", "a@b", "a b@c.de", "a@b..co", "ä@b.co", ".a@b.co", "a@xn--p1ai.xn--p1ai"],
    "subject": ["Boards", "a\tb", "x" * 200, "x" * 201],
    "category": ["general", "bug_report", "", "other", "General"],
    "priority": ["urgent", "immediately"],
    "message": ["a\nb\tc", "a\r\nb", "a\x00b", "a\x0bb", "x" * 5_000, "x" * 5_001, "\n\n", MARKUP, "\u00ad"],
}


def refused_by_server(field: str, value: str) -> bool:
    try:
        Submission.model_validate_json(json.dumps({**SUBMISSION, field: value}))
    except ValidationError:
        return True
    return False


async def test_page_and_server_agree_on_what_is_valid(site: str, seen: Visit) -> None:
    await seen.page.goto(site)
    for field, values in SAMPLES.items():
        for value in values:
            problem = await seen.page.evaluate(
                "async ([field, value]) => (await import('/assets/rules.js')).problemOf(field, value)", [field, value]
            )
            assert (problem is not None) == refused_by_server(field, value), (field, value, problem)


async def test_markup_in_question_and_answer_stays_text(site: str, seen: Visit, database: Database) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page, name=MARKUP[:90], subject=MARKUP, message=MARKUP)
    await send(page)
    log = page.get_by_role("log")
    await expect(log.get_by_role("listitem")).to_have_count(2)
    await expect(log.get_by_text(MARKUP, exact=False)).to_have_count(2)
    assert await log.locator("img, script, b").count() == 0
    await expect(page).to_have_title(re.compile(r"^TF-\d{8}-\d{4} · TaskFlow Support$"))
    assert seen.complaints == []


async def test_token_stays_in_the_fragment_and_no_other_site_is_asked(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    token = re.search(r"#.*token=([^&]+)", page.url)
    assert token is not None
    assert len(token[1]) == 43
    for request in seen.requests:
        assert request.url.startswith(f"{site}/"), request.url
        assert token[1] not in request.url
        assert token[1] not in request.headers.get("referer", "")


async def test_answer_lost_on_the_way_is_asked_for_again_and_nothing_doubles(
    site: str, seen: Visit, database: Database
) -> None:
    page = seen.page
    lost = FirstAnswerLost()
    await page.route("**/support/submit", lost)
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    assert lost.asked == 2
    assert await count(database, "tickets") == 1


async def test_double_click_sends_once(site: str, seen: Visit, database: Database) -> None:
    await seen.page.goto(site)
    await fill(seen.page)
    await seen.page.get_by_role("button", name="Send request").dblclick()
    await expect(seen.page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    assert await count(database, "tickets") == 1


async def test_answer_comes_without_event_streams(site: str, seen: Visit) -> None:
    page = seen.page
    await page.route("**/events", lambda route: route.abort())
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)


async def test_page_that_is_left_frees_its_stream(site: str, browser: Browser, services: IngressServices) -> None:
    async with visit(browser) as seen:
        await seen.page.goto(site)
        await fill(seen.page)
        await send(seen.page)
        await expect(seen.page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
        await until(lambda: services.streams.open == 1)
    await until(lambda: services.streams.open == 0)


async def test_person_s_reply_appears_while_the_page_is_open(
    site: str, seen: Visit, database: Database, services: IngressServices
) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page, message="I want a refund")
    await send(page)
    log = page.get_by_role("log")
    await expect(log.get_by_role("listitem")).to_have_count(2)
    async with database.connection() as connection:
        conversation_id = await connection.fetchval("SELECT conversation_id FROM conversations")
    await services.desk.reply(conversation_id, "Grace", "Your money is on its way.")
    await deliver_due(database)
    await expect(log).to_contain_text("Your money is on its way.")


async def test_server_s_refusal_is_shown_at_its_field(site: str, seen: Visit) -> None:
    page = seen.page
    refusal = {"detail": [{"field": "email", "problem": "is not taken today"}]}
    await page.route("**/support/submit", lambda route: route.fulfill(status=422, json=refusal))
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(page.locator("#email-problem")).to_have_text("Is not taken today")
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await expect(page.get_by_label("Message", exact=True)).to_have_value(SUBMISSION["message"])


async def test_wrong_link_is_explained(site: str, seen: Visit) -> None:
    await seen.page.goto(f"{site}/#ticket=TF-20260101-0001&token=nonsense")
    await expect(seen.page.get_by_role("heading", level=1)).to_have_text("We could not open this request")
    await seen.page.get_by_role("button", name="Send a new request").click()
    await expect(seen.page.get_by_role("heading", level=1)).to_have_text("How can we help?")


@pytest.mark.parametrize("width", [320, 390, 768])
async def test_page_fits_narrow_screens(site: str, browser: Browser, width: int) -> None:
    async with visit(browser, width=width, height=800, dark=width == 390) as seen:
        page = seen.page
        await page.goto(site)
        await fill(page, message="https://example.com/" + "long" * 60)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await send(page)
        await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_form_can_be_sent_by_keyboard_alone(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await page.get_by_label("Your name").focus()
    for text in ("Ada", "\tada@example.com", "\tBoards", "\t", "\t", "\tHow do I create a board?", "\t"):
        if text.startswith("\t"):
            await page.keyboard.press("Tab")
        await page.keyboard.type(text.lstrip("\t"))
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)


async def test_program_that_fills_everything_in_waits_for_a_person_and_is_told_nothing(
    site: str, seen: Visit, services: IngressServices
) -> None:
    page = seen.page
    await page.goto(site)
    trap = page.locator("#website")
    await expect(page.get_by_role("textbox", name="Leave this field empty")).to_have_count(0)
    await fill(page)
    await trap.evaluate("(node) => { node.value = 'https://spam.example' }")
    await send(page)
    await expect(page.locator("#status")).to_have_text("Received")
    (waiting,) = await services.quarantine.fetch_waiting()
    assert waiting.reasons == ["hidden_field"]
    await services.quarantine.release(waiting.conversation_id, "Grace")
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)


async def test_form_tells_how_long_it_was_open_and_a_quick_customer_does_not_wait(
    site: str, seen: Visit, services: IngressServices
) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await send(page)
    await expect(page.get_by_role("log").get_by_role("listitem")).to_have_count(2)
    (posted,) = [request.post_data_json for request in seen.requests if request.method == "POST"]
    assert posted["website"] == ""
    assert 0 <= posted["elapsed_ms"] <= await page.evaluate("performance.now()")
    assert await services.quarantine.fetch_waiting() == []
