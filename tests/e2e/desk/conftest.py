"""The application with something that answers, and a way to write to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from crm.database import Database
from deployments.web.app import create_app
from deployments.web.services import IngressServices
from tests.e2e.browser import PATIENCE_MS
from tests.e2e.desk.responder import decide
from tests.e2e.sites import serving
from tests.integration.http_spine import responder


@pytest.fixture
async def site(database: Database, services: IngressServices) -> AsyncIterator[str]:
    """The address of the application with something that answers, and hands refunds over."""
    async with serving(create_app(services)) as address, responder(database, decide):
        yield address


@pytest.fixture
async def client(site: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site, timeout=PATIENCE_MS / 1000) as client:
        yield client
