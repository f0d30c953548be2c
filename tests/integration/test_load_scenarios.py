"""Locust's scenarios against the real HTTP application: every kind of user does its work, and the auditor agrees."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.records import TurnContext, TurnDecision
from crm.database import Database
from deployments.web.app import create_app
from deployments.web.services import IngressServices
from load.audit import audit_sent
from load.load_report import RequestRow, read_requests
from load.sent_log import SentLine, read_sent
from serve_app.settings import CHECKOUT, Settings, inherited_environment
from tests.e2e.sites import serving
from tests.integration.http_spine import OPERATOR_KEY, answer_due, responder
from tests.integration.spine import escalate, hold, reply_to

_DESK = {"take", "triage", "reply", "resolve", "hand-back"}
_ROUNDS_MAX = 6


def decide(context: TurnContext) -> TurnDecision:
    """Every third customer needs a person, so that the desk has work in a short run."""
    if context.state == "escalated":
        return hold(context)
    return escalate(context) if context.customer_id.int % 3 == 0 else reply_to(context)


async def run_locust(address: str, folder: Path) -> list[RequestRow]:
    command = [
        sys.executable, "-m", "locust", "-f", str(CHECKOUT / "load" / "locustfile.py"), "--headless",
        "--host", address, "--users", "12", "--spawn-rate", "12", "--run-time", "8s", "--stop-timeout", "40",
        "--only-summary", "--skip-log", "--json-file", str(folder / "requests"), "--sent", str(folder),
    ]  # fmt: skip
    environment = inherited_environment({"FTE_OPERATOR_KEY": OPERATOR_KEY, "PYTHONPATH": str(CHECKOUT)})
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    rows = read_requests(folder / "requests.json")
    assert process.returncode == 0, output.decode()
    return rows


async def test_customers_and_the_desk_do_all_that_they_can(
    services: IngressServices,
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows: list[RequestRow] = []
    async with serving(create_app(services)) as address, responder(database, decide):
        # What a short run does is left to chance; that each kind of work comes up in some is not.
        for number in range(_ROUNDS_MAX):
            folder = tmp_path / str(number)
            folder.mkdir()
            rows += await run_locust(address, folder)
            if expected() <= {row.name for row in rows}:
                break
    assert expected() <= {row.name for row in rows}
    assert [row for row in rows if row.failures] == []

    await answer_due(database, decide)
    # As `python -m load.audit` does, which finds the database by the settings.
    parts = urlsplit(database_url)
    monkeypatch.setenv("POSTGRES_HOST", parse_qs(parts.query)["host"][0])
    monkeypatch.setenv("POSTGRES_DB", parts.path.strip("/"))
    lines = await asyncio.to_thread(lambda: read_sent(tmp_path.glob("*/sent-*.jsonl")))
    assert lines
    found = await audit_sent(Settings(), lines, settled=True)
    assert found.findings == ()
    lost = SentLine.of("never-arrived", "hello", acknowledged=True)
    assert len((await audit_sent(Settings(), [*lines, lost], settled=True)).findings) == 1


def expected() -> set[str]:
    ticket = "/support/ticket/[id]"
    customers = {"/support/submit", ticket, f"{ticket}/messages", f"{ticket}/events"}
    replies = {"accept to reply shown (stream)", "accept to reply shown (poll)"}
    desk = {"/desk/session", "/escalations", "/conversations/[id]", *(f"/conversations/[id]/{each}" for each in _DESK)}
    return customers | replies | desk
