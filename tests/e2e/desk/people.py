"""Who takes part: customers, who write and read, and operators, who sit at the desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import PATIENCE_MS, Visit, visit
from tests.integration.http_spine import OPERATOR_KEY, SUBMISSION

MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script><b>bold</b>'


class Customer:
    """Somebody who writes through the form's interface and looks at the ticket."""

    def __init__(self, client: httpx.AsyncClient, answer: dict[str, Any]) -> None:
        self._client = client
        self.ticket_id: str = answer["ticket_id"]
        self._token = answer["access_token"]

    async def write(self, text: str) -> None:
        sent = await self._client.post(
            f"/support/ticket/{self.ticket_id}/messages", params={"token": self._token}, json={"message": text}
        )
        assert sent.status_code == 201

    async def attach(self, name: str, content: bytes) -> None:
        sent = await self._client.post(
            f"/support/ticket/{self.ticket_id}/attachments",
            params={"token": self._token},
            content=content,
            headers={"X-File-Name": quote(name), "Content-Type": "application/octet-stream"},
        )
        assert sent.status_code == 201, sent.text

    async def read(self) -> dict[str, Any]:
        seen = await self._client.get(f"/support/ticket/{self.ticket_id}", params={"token": self._token})
        answer: dict[str, Any] = seen.json()
        return answer

    async def wait_for(self, text: str) -> None:
        """Wait until a message with this text is shown."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while text not in [each["body"] for each in (await self.read())["messages"]]:  # noqa: ASYNC110  # polled
                await asyncio.sleep(0.02)


async def ask(client: httpx.AsyncClient, **changes: str) -> Customer:
    sent = await client.post("/support/submit", json={**SUBMISSION, "message": "I want a refund", **changes})
    assert sent.status_code == 201, sent.text
    return Customer(client, sent.json())


@asynccontextmanager
async def at_the_desk(browser: Browser, site: str, name: str, **look: Any) -> AsyncIterator[Visit]:
    """A browser of its own in which somebody has signed in."""
    async with visit(browser, **look) as seen:
        await seen.page.goto(f"{site}/desk")
        await sign_in(seen.page, name)
        await expect(seen.page.locator("#link-state")).to_have_text("Live")
        yield seen


async def sign_in(page: Page, name: str, key: str = OPERATOR_KEY) -> None:
    await page.get_by_label("Your name").fill(name)
    await page.get_by_label("Operator key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


def line(page: Page, name: str = "Ada Example") -> Any:
    return page.get_by_role("navigation").get_by_role("link", name=name)


async def open_only(page: Page) -> None:
    await line(page).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Boards")
