"""Take the documentation's pictures of the form, beside this file, from a running system.

`make up` in one terminal, then `.venv/bin/python docs/images/make_form.py [ADDRESS]` in another. It asks the questions
that the pictures show, so the system's database gets some tickets of Ada Example.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

FOLDER = Path(__file__).parent
PATIENCE_MS = 60_000
DESKTOP, PHONE = (1280, 860), (390, 844)
QUESTION = {
    "name": "Ada Example",
    "email": "ada@example.com",
    "subject": "Weekly planning",
    "message": "Hi! How do I make a task repeat every Monday?",
}


@contextmanager
def visit(browser: Browser, size: tuple[int, int], *, dark: bool = False, locale: str = "en-GB") -> Iterator[Page]:
    """A page in a fresh profile; pictures of phones have two pixels for each of the page's."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=2 if size == PHONE else 1,
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale=locale,
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def fill(page: Page, **changes: str) -> None:
    for field, value in {**QUESTION, **changes}.items():
        page.locator(f"support-form #{field}").fill(value)


def ask(page: Page, **changes: str) -> None:
    """Send a question and wait for what is answered."""
    fill(page, **changes)
    page.locator("support-form #send").click()
    expect(page.locator("support-form #thread li")).to_have_count(2)


def show(page: Page, name: str, *, whole: bool = False) -> None:
    """Keep the picture, without the mark of the keyboard's place."""
    page.evaluate("document.activeElement?.shadowRoot?.activeElement?.blur()")
    page.mouse.move(0, 0)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=whole)


def take_pictures(browser: Browser, address: str) -> None:
    with visit(browser, DESKTOP) as page:
        page.goto(address)
        fill(page)
        show(page, "form")
        ask(page)
        show(page, "conversation", whole=True)
    with visit(browser, DESKTOP, dark=True) as page:
        page.goto(address)
        page.locator("support-form #email").fill("ada@example")
        page.locator("support-form #send").click()
        expect(page.locator("support-form #message-problem")).not_to_be_empty()
        show(page, "form-dark")
    with visit(browser, PHONE) as page:
        page.goto(address)
        ask(page, subject="Invoice", message="I was charged twice this month, please refund me.")
        show(page, "phone", whole=True)
    with visit(browser, DESKTOP, locale="ar-EG") as page:
        page.goto(address)
        show(page, "form-arabic")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8000")
    address = parser.parse_args().address
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        # As root there is no sandbox.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        take_pictures(browser, address)
        browser.close()


if __name__ == "__main__":
    main()
