"""Files in a real browser: chosen with a request and with a later message, shown, and saved again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.browser import CHROMIUM, Visit
from tests.e2e.sites import fill, said, send
from tests.unit.test_files import PNG

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")


def file(name: str, content: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "", "buffer": content}


async def test_files_go_with_a_request_and_with_what_is_written_on(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    chooser = page.get_by_label("Attach files")
    await chooser.set_input_files([file("screen.png", PNG), file("Übersicht.txt", "Grüße".encode())])
    await send(page)
    files = page.get_by_role("list", name="Files").get_by_role("button")
    await expect(files).to_have_text(["screen.png", "Übersicht.txt"])
    await expect(said(page)).to_have_count(2)
    await page.get_by_label("Write a message").fill("And this")
    await page.get_by_label("Attach files").set_input_files([file("more.pdf", b"%PDF-1.7\n")])
    await page.get_by_role("button", name="Send message").click()
    await expect(files).to_have_count(3)
    async with page.expect_download() as download:
        await files.first.click()
    saved = await download.value
    assert saved.suggested_filename == "screen.png"
    assert Path(await saved.path()).read_bytes() == PNG  # noqa: ASYNC240  # a few bytes
    for request in seen.requests:
        assert "screen.png" not in request.url, "addresses are what logs keep"
    await page.reload()
    await expect(files).to_have_count(3)
    assert seen.complaints == []


async def test_limits_are_told_before_anything_is_sent(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    chooser = page.get_by_label("Attach files")
    await chooser.set_input_files([file(f"{n}.png", PNG) for n in range(6)])
    await expect(page.get_by_text("Please choose at most 5 files.")).to_be_visible()
    await send(page)
    await expect(chooser).to_be_focused()
    await chooser.set_input_files([file("large.png", PNG + b"\0" * 5 * 1024 * 1024)])
    await expect(page.get_by_text("large.png is larger than 5 MB.")).to_be_visible()
    assert [request for request in seen.requests if request.method == "POST"] == []
    await chooser.set_input_files([])
    await send(page)
    await expect(said(page)).to_have_count(2)


async def test_refused_file_is_told_and_the_others_still_go(site: str, seen: Visit) -> None:
    page = seen.page
    await page.goto(site)
    await fill(page)
    await page.get_by_label("Attach files").set_input_files([file("bad.png", b"MZ\x90\x00"), file("good.png", PNG)])
    await send(page)
    await expect(page.get_by_text("bad.png could not be attached", exact=False)).to_be_visible()
    await expect(page.get_by_role("list", name="Files").get_by_role("button")).to_have_text(["good.png"])
