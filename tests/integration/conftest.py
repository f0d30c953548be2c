"""The HTTP application on a test's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from crm.database import Database
from deployments.web.services import IngressServices
from tests.integration.http_spine import http_client, services_for


@pytest.fixture
async def services(database: Database) -> IngressServices:
    return services_for(database)


@pytest.fixture
async def client(services: IngressServices) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(services) as client:
        yield client
