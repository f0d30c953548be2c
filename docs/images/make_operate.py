"""Takes the operator's pictures, beside this file: the Ray dashboard and `fte status`, of a running system at work.

`make up` in one terminal, then `PYTHONPATH=. .venv/bin/python docs/images/make_operate.py` in another, with the same
FTE_HOME and the development tools. Sample customers ask for a minute; their conversations stay in the database.
"""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, expect
from rich.console import Console

from load.crowd import Crowd
from load.form_client import FormClient
from load.http_client import HttpClient
from load.texts import QUESTIONS
from serve_app.options import APP_NAME
from serve_app.settings import load_settings
from serve_app.status.reading import StatusReader
from serve_app.status.snapshot import Snapshot
from serve_app.status.view import Course, render
from tests.e2e.browser import chromium

FOLDER = Path(__file__).parent
REFUND = "I was charged twice this month, please refund the second payment."
CUSTOMERS, WORK_S, LOOK_S = 12, 60.0, 2.0
SIZE = {"width": 1440, "height": 960}


async def main() -> None:
    settings = load_settings()
    async with StatusReader(settings) as reader:
        snapshot = await reader.read()
        if snapshot.form is None or snapshot.dashboard is None:
            raise SystemExit("nothing is running; start it with `make up`")
        token = (settings.home / "keys" / "ray_token").read_text(encoding="utf-8").strip()
        course = Course()
        working = asyncio.create_task(work(snapshot.form))
        watching = asyncio.create_task(watch(reader, course, working))
        async with chromium() as browser:
            await take_pictures(browser, snapshot.dashboard, token, working)
        await working
        draw_status(await watching, course)


async def work(form: str) -> None:
    """Customers who hold conversations, and a few who need a person."""
    address = urlsplit(form)
    assert address.hostname is not None
    assert address.port is not None
    http = HttpClient(address.hostname, address.port, CUSTOMERS)
    customers = FormClient(http)
    for _ in range(3):
        await customers.submit(REFUND)
    await Crowd(customers, QUESTIONS, CUSTOMERS, think_s=3.0, look_s=0.5).run(WORK_S)
    await http.close()


async def watch(reader: StatusReader, course: Course, working: asyncio.Task[None]) -> Snapshot:
    """Look as the live view does, until the work is done; returns the last look in the middle of it."""
    snapshot = await reader.read()
    while not working.done():
        snapshot = await reader.read()
        course.note(snapshot)
        await asyncio.wait([working], timeout=LOOK_S)
    return snapshot


def draw_status(snapshot: Snapshot, course: Course) -> None:
    console = Console(record=True, width=96, file=io.StringIO())
    console.print(render(snapshot, course))
    # Without the font of another site: the viewer's own does.
    drawn = re.sub(r"@font-face \{[^}]*\}\s*", "", console.export_svg(title="fte status", unique_id="status"))
    (FOLDER / "status.svg").write_text(drawn, encoding="utf-8")


async def take_pictures(browser: Browser, dashboard: str, token: str, working: asyncio.Task[None]) -> None:
    context = await browser.new_context(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(dashboard)
    await expect(page.get_by_text("Authentication Token Required")).to_be_visible()
    await expect(page.locator(".MuiDialog-container")).to_have_css("opacity", "1")
    await show(page, "dashboard-token")
    await page.get_by_label("Authentication Token", exact=True).fill(token)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Authentication Token Required")).to_be_hidden()
    await page.goto(f"{dashboard}/#/serve")
    await expect(page.get_by_text("Dispatcher").first).to_be_visible()
    # In the middle of the work there is something to see.
    await asyncio.wait([working], timeout=WORK_S / 2)
    await page.reload()
    await expect(page.get_by_text("Dispatcher").first).to_be_visible()
    await show(page, "dashboard-serve")
    await page.goto(f"{dashboard}/#/serve/applications/{APP_NAME}/Agent")
    replica = page.get_by_role("link", name=re.compile("Agent#|^[a-z0-9]{8}$")).first
    await expect(replica).to_be_visible()
    await show(page, "dashboard-agent")
    await replica.click()
    await page.get_by_role("tab", name="stderr").click()
    await expect(page.get_by_text("a turn was committed").first).to_be_visible()
    await show(page, "dashboard-replica")
    # The first line is Serve's own; the button shows itself only to who points at its line.
    await page.get_by_role("button", name="Show details").nth(4).dispatch_event("click")
    await expect(page.get_by_text("conversation_id").first).to_be_visible()
    await expect(page.locator(".MuiDialog-container")).to_have_css("opacity", "1")
    await page.get_by_role("dialog").screenshot(path=FOLDER / "dashboard-record.png")
    await page.goto(f"{dashboard}/#/cluster")
    await expect(page.get_by_text("ServeReplica:fte:Agent").or_(page.get_by_text("ALIVE")).first).to_be_visible()
    await show(page, "dashboard-cluster")
    await context.close()


async def show(page: Page, name: str) -> None:
    """Keep the picture when what is loading has loaded."""
    await expect(page.get_by_role("progressbar")).to_have_count(0)
    await page.mouse.move(0, 0)
    await page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
