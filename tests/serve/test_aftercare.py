"""What a running system does when nobody does anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import asyncpg

from tests.serve.system import RunningSystem

# The dispatcher looks every half a minute.
PATIENCE_S = 240.0


def test_a_quiet_conversation_ends_and_a_late_escalation_is_raised_again(system: RunningSystem) -> None:
    quiet = system.ask("How do I invite a colleague to my workspace?", "quiet@example.com")
    late = system.ask("I want my money back for last month, please refund the invoice.", "late@example.com")
    for question in (quiet, late):
        system.wait_for_reply(question)
    assert system.ticket(quiet)["survey"] is None
    asyncio.run(let_time_pass(system.copy.dsn, quiet.ticket_id, late.ticket_id))

    wait_until(lambda: system.ticket(quiet)["status"] == "resolved", system)
    assert system.ticket(quiet)["survey"] == {"solved": None}
    wait_until(lambda: escalation_of(system, late.ticket_id)["reminders"] == 1, system)
    assert system.ticket(late)["expected_by"] is not None
    assert 'fte_resolutions{channel="web_form",kind="assumed"}' in system.http.get("/metrics").text


async def let_time_pass(dsn: str, quiet: str, late: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "UPDATE conversations c SET answered_at = answered_at - interval '10 days' "
        "FROM tickets t WHERE t.conversation_id = c.conversation_id AND t.ticket_id = $1",
        quiet,
    )
    await connection.execute(
        "UPDATE escalations e SET created_at = e.created_at - interval '10 days' "
        "FROM tickets t WHERE t.conversation_id = e.conversation_id AND t.ticket_id = $1",
        late,
    )
    await connection.close()


def escalation_of(system: RunningSystem, ticket_id: str) -> dict[str, Any]:
    rows = system.http.get("/escalations", headers=system.operator).json()["escalations"]
    return next(row for row in rows if row["ticket_id"] == ticket_id)


def wait_until(holds: Callable[[], bool], system: RunningSystem) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, system.log_end()
        time.sleep(0.2)
