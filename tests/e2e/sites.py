"""Sites on loopback for the browser, and what a customer does on the one with the form."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Locator, Page
from starlette.types import ASGIApp

from agent.records import TurnContext, TurnDecision
from deployments.web.app import create_app
from deployments.web.services import IngressServices
from serve_app.settings import load_settings
from tests.integration.http_spine import OPERATOR_KEY, SUBMISSION
from tests.integration.spine import escalate, reply_to
from tests.waiting import until


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[str]:
    """The origin under which the application answers; `options` are uvicorn's."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        usual: dict[str, Any] = {"log_level": "warning", "ws": "none", "timeout_graceful_shutdown": 1}
        config = uvicorn.Config(app, **usual | options)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started or serving.done())
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def serving_commands(services: IngressServices, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The application under the address, and with the key, that the settings of commands say; that origin."""
    async with serving(create_app(services)) as address:
        monkeypatch.setenv("API_PORT", address.rsplit(":", 1)[-1])
        monkeypatch.setenv("FTE_OPERATOR_KEY", OPERATOR_KEY)
        load_settings.cache_clear()
        yield address
    load_settings.cache_clear()


def decide(context: TurnContext) -> TurnDecision:
    """Refunds go to a person; everything else is answered with the question and a link."""
    if "refund" in context.text:
        return escalate(context)
    return reply_to(context, f"You asked: {context.burst[-1].body} See https://docs.example/boards.")


async def fill(page: Page, **changes: str) -> None:
    values = {**SUBMISSION, **changes}
    await page.get_by_label("Your name").fill(values["name"])
    await page.get_by_label("E-mail").fill(values["email"])
    await page.get_by_label("Subject").fill(values["subject"])
    await page.get_by_label("Category").select_option(values["category"])
    await page.get_by_label("Priority").select_option(values["priority"])
    await page.get_by_label("Message", exact=True).fill(values["message"])


async def send(page: Page) -> None:
    await page.get_by_role("button", name="Send request").click()


def said(page: Page) -> Locator:
    """The messages of the open conversation."""
    return page.get_by_role("log").get_by_role("listitem")
