"""The HTTP application and the e-mail channel on a test's own database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from agent.times import Times
from crm.database import Database
from deployments.web.services import IngressServices
from tests.fakes.gmail_server import FakeGmail, serve_gmail
from tests.integration.http_spine import http_client, services_for
from tests.integration.mail_spine import ADDRESS, MailSystem, impatient, mail_system


@pytest.fixture
async def services(database: Database) -> IngressServices:
    return services_for(database)


@pytest.fixture
async def client(services: IngressServices) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(services) as client:
        yield client


@pytest.fixture
def gmail() -> Iterator[FakeGmail]:
    with serve_gmail(FakeGmail(address=ADDRESS)) as gmail:
        yield gmail


@pytest.fixture
async def mail_database(database_url: str, times: Times) -> AsyncIterator[Database]:
    database = Database(database_url, impatient(times), "fte-test")
    yield database
    await database.close()


@pytest.fixture
async def system(mail_database: Database, gmail: FakeGmail, tmp_path: Path) -> AsyncIterator[MailSystem]:
    async with mail_system(mail_database, gmail, tmp_path) as system:
        yield system
