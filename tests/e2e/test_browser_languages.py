"""The form in the customer's language and direction."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from channels.web_form.form_texts import load_texts
from tests.e2e.browser import CHROMIUM, Visit, visit
from tests.e2e.sites import said

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


@pytest.mark.parametrize("language", list(load_texts()))
async def test_whole_request_in_the_browser_s_language(site: str, browser: Browser, language: str) -> None:
    texts = load_texts()[language]
    async with visit(browser, locale=language) as seen:
        page = seen.page
        await page.goto(site)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        await expect(page.get_by_role("heading", level=1)).to_have_text(texts["page.headline"])
        for field, value in (("name", "Ada"), ("email", "ada@example.com"), ("subject", "x"), ("message", "Hello?")):
            await page.get_by_label(texts[f"field.{field}"], exact=True).fill(value)
        await page.get_by_role("button", name=texts["form.send"]).click()
        await expect(said(page)).to_have_count(2)
        await expect(page.locator("#status")).to_have_text(texts["status.answered"])
        await expect(page.get_by_label(texts["talk.write"])).to_be_visible()
        assert await page.locator("support-form [lang]").first.get_attribute("dir") == texts["direction"]
        shown = await page.locator("support-form .talk").inner_text()
        assert not re.search(r"\b(undefined|null|NaN)\b|[{}]|\b(talk|status|waiting)\.", shown)
        assert seen.complaints == []


async def test_attribute_beats_the_page_and_the_page_beats_the_browser(site: str, browser: Browser) -> None:
    async with visit(browser, locale="fr-FR") as seen:
        page = seen.page
        await page.goto(f"{site}/?lang=de")
        send = page.locator("#send")
        await expect(send).to_have_text("Anfrage senden")
        await page.get_by_label("Betreff").fill("halb getippt")
        await page.evaluate("document.querySelector('support-form').lang = 'es-MX'")
        await expect(send).to_have_text("Enviar solicitud")
        await expect(page.get_by_label("Asunto")).to_have_value("halb getippt")
        await page.evaluate("document.querySelector('support-form').lang = 'tlh'")
        await expect(send).to_have_text("Anfrage senden")
        await page.evaluate("document.querySelector('support-form').removeAttribute('lang')")
        await page.evaluate("document.documentElement.lang = 'nl'")
        await expect(send).to_have_text("Envoyer la demande")


async def test_language_that_cannot_be_loaded_is_english(site: str, browser: Browser) -> None:
    async with visit(browser, locale="de") as seen:
        await seen.page.route("**/assets/texts/de.js", lambda route: route.abort())
        await seen.page.goto(site)
        await expect(seen.page.locator("#send")).to_have_text("Send request")


async def test_link_to_another_language_keeps_the_open_request(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(f"{site}/#ticket=TF-20260101-0001&token=nonsense")
    await expect(page.get_by_role("heading", level=1)).to_have_text("We could not open this request")
    await page.get_by_role("link", name="Deutsch").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Diese Anfrage ließ sich nicht öffnen")
    assert page.url.endswith("/?lang=de#ticket=TF-20260101-0001&token=nonsense")


async def test_right_to_left_mirrors_the_form_but_not_addresses(site: str, browser: Browser) -> None:
    async with visit(browser, locale="ar", width=1280) as seen:
        page = seen.page
        await page.goto(site)
        name, email = page.get_by_label("اسمك"), page.get_by_label("البريد الإلكتروني")
        name_box, email_box = await name.bounding_box(), await email.bounding_box()
        assert name_box is not None
        assert email_box is not None
        assert name_box["x"] > email_box["x"], "the first field is on the right"
        await expect(email).to_have_css("direction", "ltr")
        await name.fill("آدا")
        await expect(name).to_have_css("direction", "rtl")
        await name.fill("Ada")
        await expect(name).to_have_css("direction", "ltr")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1280


async def test_dir_attribute_is_obeyed(site: str, seen: Visit) -> None:
    await seen.page.goto(site)
    await seen.page.evaluate("document.querySelector('support-form').dir = 'rtl'")
    await expect(seen.page.locator("support-form .ask")).to_have_css("direction", "rtl")
