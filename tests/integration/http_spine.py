"""The HTTP application on a test's database, and a responder that answers in the FTE's place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from agent.records import CustomerId, TurnContext, TurnDecision
from crm.database import Database
from crm.outbox import Outbox
from crm.turns import PostgresTurns
from crm.work import DELIVERED_CHANNEL, WorkQueue
from deployments.web.app import create_app
from deployments.web.services import IngressServices, connect_services

OPERATOR_KEY = "operator-key-of-the-tests"
OPERATOR = {"Authorization": f"Bearer {OPERATOR_KEY}"}
SUBMISSION = {
    "name": "Ada Example",
    "email": "ada@example.com",
    "subject": "Boards",
    "category": "technical",
    "priority": "high",
    "message": "How do I create a board?",
}


def services_for(database: Database, **options: Any) -> IngressServices:
    """`options` are those of connect_services beside the keys."""
    return connect_services(
        database, operator_key=SecretStr(OPERATOR_KEY), token_secret=SecretStr("a token secret of the tests"), **options
    )


@asynccontextmanager
async def http_client(services: IngressServices) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=create_app(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://fte.test") as client:
        yield client
    await services.close()


async def answer_due(database: Database, decide: Callable[[TurnContext], TurnDecision], *, deliver: bool = True) -> int:
    """Run a turn of every due customer and deliver what it wrote; returns how many turns ran."""
    turns = PostgresTurns(database)
    due: list[CustomerId] = await WorkQueue(database).fetch_due(100)
    for customer_id in due:
        claim = await turns.claim(customer_id, "test")
        assert claim is not None, "nobody else answers in a test"
        context = await turns.gather(claim)
        assert context is not None, "what is due has messages"
        await turns.commit(claim, context, decide(context), allow_rerun=False)
    if deliver:
        await deliver_due(database)
    return len(due)


async def deliver_due(database: Database) -> int:
    outbox = Outbox(database)
    items = await outbox.claim(100)
    await outbox.record_sent([(item, f"sent-{item.send_token}") for item in items])
    await WorkQueue(database).notify(DELIVERED_CHANNEL)
    return len(items)


@asynccontextmanager
async def responder(
    database: Database, decide: Callable[[TurnContext], TurnDecision], pause_s: float = 0.02
) -> AsyncIterator[None]:
    """Answer whatever comes until the block ends."""

    async def answer() -> None:
        while True:
            await answer_due(database, decide)
            await asyncio.sleep(pause_s)

    task = asyncio.create_task(answer())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
