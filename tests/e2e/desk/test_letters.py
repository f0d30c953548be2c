"""What the desk shows of mail that nobody vouches for, of letters beside a conversation, and of replies that failed."""

from __future__ import annotations

import dataclasses

import pytest
from playwright.async_api import Browser, expect

from agent.records import IdentifierKind, Identity
from crm.confirmations import Confirmations
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.outbox import Outbox
from deployments.web.app import create_app
from deployments.web.services import IngressServices
from tests.e2e.browser import CHROMIUM, violations
from tests.e2e.desk.people import at_the_desk, open_only
from tests.e2e.sites import serving
from tests.integration.http_spine import answer_due, deliver_due
from tests.integration.spine import escalate, form_message, mail_message

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


async def test_an_unproven_mail_shows_that_its_answer_is_held_and_that_its_address_was_asked(
    browser: Browser, database: Database, services: IngressServices
) -> None:
    claimed = Identity(IdentifierKind.EMAIL, "ada@example.com", verified=False, display_name="Ada Example")
    await Inbox(database).accept(dataclasses.replace(mail_message(body="I want a refund"), identity=claimed))
    await answer_due(database, escalate)
    async with serving(create_app(services)) as site, at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await open_only(page)
        await expect(page.locator("#unproven")).to_contain_text("Nobody vouches that ada@example.com wrote this.")
        await expect(page.get_by_role("article").last).to_contain_text("Held until the address is confirmed")
        letter = page.get_by_text("Asked ada@example.com by e-mail to confirm the address: delivered; not answered yet")
        await expect(letter).to_be_visible()
        assert await violations(page) == []

        # Its owner opens the link while the page is open.
        async with database.connection() as connection:
            confirmation = await connection.fetchval("SELECT confirmation_id FROM confirmations")
        await Confirmations(database).confirm(confirmation)
        await deliver_due(database)
        await expect(page.locator("#unproven")).to_have_count(0)
        await expect(page.get_by_text("to confirm the address: delivered; confirmed")).to_be_visible()
        await expect(page.get_by_role("article").last).to_contain_text("Delivered")
        assert seen.complaints == []


async def test_a_persons_reply_that_failed_stands_first_and_says_why(
    browser: Browser, database: Database, services: IngressServices
) -> None:
    accepted = await Inbox(database).accept(dataclasses.replace(form_message("A question"), subject="Boards"))
    await Desk(database).reply(accepted.conversation_id, "Grace", "Here you are.")
    async with serving(create_app(services)) as site, at_the_desk(browser, site, "Grace") as seen:
        page = seen.page
        await page.get_by_role("button", name="Mine").click()
        await page.get_by_role("navigation").get_by_role("link").first.click()
        await expect(page.get_by_role("article").last).to_contain_text("Waits to be sent")
        (item,) = await Outbox(database).claim(10)
        await Outbox(database).record_failed(item, "the address does not exist")
        await expect(page.get_by_role("navigation").get_by_text("Not delivered")).to_be_visible()
        await expect(page.locator("#undelivered")).to_contain_text("the address does not exist")
        await expect(page.get_by_role("article").last).to_contain_text("Could not be delivered")
        assert await violations(page) == []
        await page.get_by_label("Reply to").fill("Once more.")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator("#undelivered")).to_have_count(0)
        await expect(page.get_by_role("navigation").get_by_text("Not delivered")).to_have_count(0)
        assert seen.complaints == []
