"""`fte escalations` against the running application: in the desk's order, and with what a person needs to see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from agent.records import Priority
from crm.database import Database
from crm.desk import Desk
from deployments.web.services import IngressServices
from serve_app.cli import app
from tests.e2e.sites import serving_commands
from tests.integration.test_desk import escalated


@pytest.fixture(autouse=True)
async def running(services: IngressServices, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    async with serving_commands(services, monkeypatch):
        yield


async def escalations(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["escalations", *arguments])


async def test_nothing_waits_at_first() -> None:
    shown = await escalations()
    assert (shown.exit_code, shown.stdout) == (0, "nothing waits for a person\n")


async def test_each_is_told_with_its_priority_and_when_an_answer_is_due(database: Database) -> None:
    first, second = await escalated(database), await escalated(database)
    await Desk(database).triage(second.conversation_id, "grace", None, Priority.URGENT)
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE escalations SET reminders = 2, raised_again_at = '2026-11-23 09:05+00' WHERE conversation_id = $1",
            first.conversation_id,
        )
    shown = await escalations()
    assert shown.exit_code == 0, shown.output
    heads = [line for line in shown.stdout.splitlines() if line.startswith("P3")]
    assert [line.split()[-2:] for line in heads] == [[second.ticket_id, "urgent"], [first.ticket_id, "medium"]]
    assert shown.stdout.count("an answer is due 20") == 2
    assert shown.stdout.count("raised again 2 times, last 2026-11-23 09:05 UTC") == 1
    listed = json.loads((await escalations("--json")).stdout)
    assert [line["ticket_id"] for line in listed] == [second.ticket_id, first.ticket_id]


async def test_a_team_that_there_is_not_is_told_with_those_that_there_are() -> None:
    refused = await escalations("--team", "nobody")
    assert refused.exit_code == 1
    assert "billing" in str(refused.exception)
