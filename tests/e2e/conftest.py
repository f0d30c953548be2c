"""The real application and Postgres with a browser before them; a responder stands in for the FTE."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from crm.database import Database
from deployments.web.app import create_app
from deployments.web.services import IngressServices
from tests.e2e.browser import Visit, chromium, visit
from tests.e2e.sites import decide, serving
from tests.integration.http_spine import responder, services_for


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all: each visit has a profile of its own."""
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def services(database: Database) -> IngressServices:
    return services_for(database)


@pytest.fixture
async def site(database: Database, services: IngressServices) -> AsyncIterator[str]:
    """The address of the application with something that answers."""
    async with serving(create_app(services)) as address, responder(database, decide):
        yield address


@pytest.fixture
async def seen(browser: Browser) -> AsyncIterator[Visit]:
    async with visit(browser) as seen:
        yield seen
