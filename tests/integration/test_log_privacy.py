"""Marked customers, operators and secrets go through the whole system, on good ways and bad ones; the log at its most
talkative knows which conversation it was and nothing of what was said, by whom, or with which key."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from agent.errors import ProviderAway, SendRejected
from agent.records import Channel, CustomerId, OutboxItem, OutcomeKind, TurnContext
from agent.times import Times
from agent.turn.services import TurnServices
from agent.workers.delivery import DeliveryLoop
from agent.workers.turn_worker import TurnWorker, WorkStatus
from crm.database import Database
from crm.outbox import Outbox
from crm.turns import PostgresTurns
from crm.work import OUTBOX_CHANNEL, WorkQueue
from deployments.logs import configure_logging
from deployments.web.app import create_app
from deployments.web.services import IngressServices, connect_services
from tests.e2e.sites import serving
from tests.integration.http_spine import SUBMISSION, answer_due
from tests.integration.spine import escalate
from tests.log_capture import forget_loggers, restored_logging
from tests.unit.turn_fakes import says, scripted, services

MARK = "zq7marker"
KEY = f"operator-key-{MARK}"
REQUEST = "0e6a3f0c-2f6b-4d5e-9a51-6f0a3a7f2c11"
OPERATOR = {"Authorization": f"Bearer {KEY}", "X-Operator": f"Grace {MARK}"}
WRITTEN = f"My password is {MARK}, call me on +1 555 010 4711. How do I export a project?"
FORM = {**SUBMISSION, "name": f"Ada {MARK}", "email": f"{MARK}@example.com", "subject": MARK, "message": WRITTEN}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What a replica would write with LOG_LEVEL=DEBUG."""
    stream = io.StringIO()
    with restored_logging():
        forget_loggers("uvicorn")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            configure_logging("DEBUG", "json", {"deployment": "Test", "replica": "one"})
        yield stream


@pytest.fixture
def marked_services(database: Database) -> IngressServices:
    return connect_services(database, operator_key=SecretStr(KEY), token_secret=SecretStr(f"token-secret-{MARK}"))


@pytest.fixture
async def door(marked_services: IngressServices, log: io.StringIO) -> AsyncIterator[httpx.AsyncClient]:
    """The application behind uvicorn as Serve starts it, but with its access log on; `log` comes first."""
    async with (
        serving(create_app(marked_services), log_config=None, log_level="debug", access_log=True) as address,
        httpx.AsyncClient(base_url=address, timeout=60) as client,
    ):
        yield client
    await marked_services.close()


def records(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def said_of(log: io.StringIO, conversation_id: str) -> list[str]:
    """What the system's own lines say about a conversation."""
    of_it = [record for record in records(log) if record.get("conversation_id") == conversation_id]
    return [record["message"] for record in of_it if record["logger"] != "uvicorn.access"]


def assert_discreet(log: io.StringIO, *secrets: str) -> None:
    text = log.getvalue().lower()
    for secret in (MARK, "555 010", "+1555", "127.0.0.1:", *secrets):
        assert secret.lower() not in text, (
            f"{secret!r} in: {next(line for line in text.splitlines() if secret in line)}"
        )


async def conversation_of(database: Database) -> str:
    async with database.connection() as connection:
        return str(await connection.fetchval("SELECT conversation_id FROM conversations"))


async def work_on(database: Database, makes: TurnServices | Exception, times: Times) -> WorkStatus:
    """One turn of the one customer that is due. Services that cannot be made fail it."""

    async def make() -> TurnServices:
        if isinstance(makes, Exception):
            raise makes
        return makes

    async with database.connection() as connection:
        await connection.execute("UPDATE work SET due_at = now(), lease_until = NULL WHERE due_at IS NOT NULL")
    (due,) = await WorkQueue(database).fetch_due(10)
    return (await TurnWorker(PostgresTurns(database), None, make, times, "test").process(CustomerId(due))).status


async def test_a_customers_way_is_followed_by_ids_alone(
    door: httpx.AsyncClient, database: Database, times: Times, log: io.StringIO
) -> None:
    accepted = (await door.post("/support/submit", json=FORM, headers={"X-Request-ID": REQUEST})).json()
    ticket, token = accepted["ticket_id"], accepted["access_token"]
    for query in (f"?token={token}", f"?token=wrong-{MARK}"):
        await door.get(f"/support/ticket/{ticket}{query}")
    bearer = {"Authorization": f"Bearer {token}"}
    body = {"message": f"And {MARK} again"}
    for _ in range(2):
        written = await door.post(f"/support/ticket/{ticket}/messages", json=body, headers={**bearer, **named(MARK)})
        assert written.status_code == 201
    model = scripted(says(f"Dear {MARK}, open the project, select More > Export and choose CSV."))
    assert await work_on(database, services(model=model), times) is WorkStatus.COMMITTED
    await deliver(database, times, StoredAway())

    conversation = await conversation_of(database)
    assert said_of(log, conversation)[:3] == [
        "a message was accepted",
        "a message was accepted",
        "a message came again and changed nothing",
    ]
    assert "a turn was committed" in said_of(log, conversation)
    assert "a reply was delivered" in said_of(log, conversation)
    first = next(record for record in records(log) if record["message"] == "a message was accepted")
    assert (first["request_id"], first["ticket_id"], first["channel"]) == (REQUEST, ticket, "web_form")
    turn = next(record for record in records(log) if record["message"] == "a turn was committed")
    assert first["message_ids"][0] in turn["message_ids"]
    assert (turn["outcome"], turn["fence"] > 0, turn["ticket_id"]) == (OutcomeKind.REPLY, True, ticket)
    assert any(record["logger"] == "uvicorn.access" for record in records(log)), "it was on"
    assert_discreet(log, token)


async def test_what_goes_wrong_with_a_message_quotes_nothing_of_it(
    door: httpx.AsyncClient, database: Database, times: Times, log: io.StringIO
) -> None:
    await door.post("/support/submit", json=FORM)
    quoting = RuntimeError(f"cannot handle {WRITTEN}")
    quoting.__cause__ = KeyError(FORM["email"])
    for _ in range(times.message_budget):
        assert await work_on(database, quoting, times) is WorkStatus.FAILED
    conversation = await conversation_of(database)
    assert "a burst was given up and goes to a person" in said_of(log, conversation)
    await deliver(database, times, Quoting(ValueError), Quoting(SendRejected))
    said = said_of(log, conversation)
    assert "sending failed in an unforeseen way" in said
    failures = [record["exc_text"] for record in records(log) if "exc_text" in record]
    assert any(error.endswith("ValueError") and "in send" in error for error in failures), "the place is there"
    assert_discreet(log)


async def test_bad_requests_of_strangers_leave_nothing_of_theirs(
    door: httpx.AsyncClient, database: Database, marked_services: IngressServices, log: io.StringIO
) -> None:
    for request in (
        {**FORM, "email": f"{MARK} at example"},
        {**FORM, "category": MARK},
        {**FORM, MARK: MARK},
        {**FORM, "message": ""},
    ):
        assert (await door.post("/support/submit", json=request)).status_code == 422
    same = named(f"key-{MARK}")
    await door.post("/support/submit", json=FORM, headers=same)
    assert (await door.post("/support/submit", json={**FORM, "subject": "x"}, headers=same)).status_code == 409
    for strange in (f"{MARK}@example.com", "15550104711", "4111111111111111"):
        headers = {"X-Request-ID": strange}
        assert (await door.get(f"/support/ticket/{MARK}?token={MARK}", headers=headers)).status_code == 404
    assert (await door.get(f"/{MARK}?email={MARK}@example.com")).status_code == 404

    class Broken:
        async def accept(self, message: object) -> object:
            raise RuntimeError(f"cannot store {message}")

    broken = create_app(replace(marked_services, inbox=Broken()))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=broken, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://fte.test") as client:
        assert (await client.post("/support/submit", json=FORM)).status_code == 500
    (failure,) = [record for record in records(log) if record["levelname"] == "ERROR"]
    assert (failure["route"], failure["status"]) == ("POST /support/submit", 500)
    assert "RuntimeError in POST /support/submit" in failure["message"]
    assert_discreet(log, "15550104711", "4111111111111111")


async def test_the_desk_leaves_neither_keys_nor_names_nor_words(
    door: httpx.AsyncClient, database: Database, log: io.StringIO
) -> None:
    await door.post("/support/submit", json=FORM)
    await answer_due(database, mark_summary)
    conversation = await conversation_of(database)
    for key, status in ((KEY, 200), (f"wrong-{MARK}", 401)):
        signed = await door.post("/desk/session", json={"name": f"Grace {MARK}", "key": key})
        assert signed.status_code == status
    door.cookies.clear()
    for action, body in (
        ("take", {}),
        ("reply", {"message": f"Hello {MARK}"}),
        ("hand-back", {"note": f"{MARK} is calm now"}),
        ("reply", {"message": f"Hello again {MARK}"}),
        ("resolve", {"note": MARK}),
    ):
        answer = await door.post(f"/conversations/{conversation}/{action}", json=body, headers=OPERATOR)
        assert answer.status_code == 200, (action, answer.text)
    for query in (f"email={MARK}@example.com", "phone=%2B15550104711", f"email={MARK}"):
        await door.get(f"/customers/lookup?{query}", headers=OPERATOR)
    people = [message for message in said_of(log, conversation) if message.startswith("a person")]
    assert people == [f"a person {what}" for what in ("took over", "replied", "handed back", "replied", "resolved")]
    assert_discreet(log, KEY)


async def test_a_lost_task_and_a_talkative_library_quote_nothing(log: io.StringIO) -> None:
    async def lose() -> None:
        raise ValueError(WRITTEN)

    task = asyncio.create_task(lose())
    await asyncio.wait([task])
    del task
    logging.getLogger("openai.agents").warning("model input: %s", WRITTEN)
    logging.getLogger("httpx").info("GET https://example.com/?to=%s", FORM["email"])
    logging.getLogger("some.library").warning("mail to %s <%s>", FORM["email"], "+15550104711")
    assert [record["logger"] for record in records(log)] == ["asyncio", "some.library"]
    assert_discreet(log)


def named(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def mark_summary(context: TurnContext) -> Any:
    decision = escalate(context)
    assert decision.escalation is not None
    return replace(decision, escalation=replace(decision.escalation, summary=f"{MARK} wants money back"))


class StoredAway:
    """A sender that is well."""

    async def send(self, item: OutboxItem) -> str:
        return item.send_token

    async def find_sent(self, item: OutboxItem) -> str | None:
        return item.send_token


class Quoting(StoredAway):
    """A sender that fails with the words that it was to send."""

    def __init__(self, error: type[Exception]) -> None:
        self._error = error

    async def send(self, item: OutboxItem) -> str:
        raise self._error(f"{item.identity.value} refused {item.body} and {WRITTEN}")

    async def find_sent(self, item: OutboxItem) -> str | None:
        raise ProviderAway(f"{item.identity.value} is away")


async def deliver(database: Database, times: Times, *senders: StoredAway) -> None:
    """Run the courier's loop with one sender after the other until each has had a reply in its hands."""
    queue = WorkQueue(database)
    for sender in senders:
        asked = asyncio.Event()

        class Watched:
            async def send(self, item: OutboxItem, sender: StoredAway = sender, asked: asyncio.Event = asked) -> str:
                asked.set()
                return await sender.send(item)

            async def find_sent(self, item: OutboxItem) -> str | None:
                return None

        async def listen(on_notify: Any, on_lost: Any) -> Any:
            return await queue.listen(on_notify, OUTBOX_CHANNEL, on_lost)

        async with database.connection() as connection:
            await connection.execute(
                "UPDATE outbox SET state = 'pending', due_at = now(), lease_until = NULL WHERE state <> 'sent'"
            )
        loop = DeliveryLoop(Outbox(database), dict.fromkeys(Channel, Watched()), listen, lambda: None, times)
        running = asyncio.create_task(loop.run())
        await asyncio.wait_for(asked.wait(), 60)
        loop.stop()
        await running
