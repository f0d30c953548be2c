"""A real Chromium for the end-to-end tests, and what one page did in it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, Request, Route, async_playwright, expect

_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), "")
"""The shell is the same browser without windows, tabs and their pages of its own, which take half of its time."""
PATIENCE_MS = 120_000
"""For a machine that is slow and busy; nothing that goes well takes it."""
expect.set_options(timeout=PATIENCE_MS)
# As root there is no sandbox; the rest keeps the browser from talking to anybody but the site under test.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@dataclass
class Visit:
    """A page and what happened in it. `complaints` are its console's errors, CSP violations among them."""

    page: Page
    requests: list[Request] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS, timeout=PATIENCE_MS)
        yield browser
        await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser,
    *,
    width: int = 1280,
    height: int = 850,
    dark: bool = False,
    locale: str = "en-US",
    still: bool = False,
) -> AsyncIterator[Visit]:
    """A fresh profile with one page; `still` asks for reduced motion."""
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if still else "no-preference",
        locale=locale,
    )
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    seen = Visit(page)
    page.on("request", lambda request: seen.requests.append(request))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("console", lambda line: seen.complaints.append(line.text) if line.type == "error" else None)
    yield seen
    await context.close()


async def violations(page: Page) -> list[str]:
    """What axe says, of its best practices too, in the whole page."""
    found = await Axe().run(page)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@dataclass
class FirstAnswerLost:
    """A route on which the first request reaches the server and its answer does not come back."""

    asked: int = 0

    async def __call__(self, route: Route) -> None:
        self.asked += 1
        if self.asked == 1:
            await route.fetch(timeout=PATIENCE_MS)
            await route.abort()
        else:
            await route.continue_()


@dataclass
class Held:
    """A route whose first answer reaches the page only when a test lets it go on: the server's, or with a `status` a
    refusal. Later requests pass."""

    status: int | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, route: Route) -> None:
        if self.reached.is_set():
            await route.continue_()
            return
        self.reached.set()
        if self.status is not None:
            await self.goes_on.wait()
            await route.fulfill(status=self.status, json={"detail": "refused"})
            return
        answer = await route.fetch(timeout=PATIENCE_MS)
        await self.goes_on.wait()
        await route.fulfill(response=answer)
