"""The auditor finds nothing in a healthy database, and each way to break one."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from agent.records import (
    Accepted,
    Channel,
    ConsentChange,
    DeliveryReport,
    IdentifierKind,
    Identity,
    InboundMessage,
    ReportEffect,
    Severity,
    TurnDecision,
)
from agent.times import Times
from crm.aftercare import Aftercare, Closing
from crm.audit import SentMessage, audit, digest_body
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.merge import merge_customers
from crm.outbox import Outbox
from crm.queries import load_queries
from crm.resolutions import Surveys
from crm.turns import PostgresTurns
from tests.integration.spine import escalate, form_message, hold, reply_to, whatsapp_message
from tests.integration.test_turns import begin

PHONE = "+15550150"
DAMAGE_FILE = Path(__file__).parent / "audit_damage.sql"
LATER = datetime.now(UTC) + timedelta(days=1)
Healthy = tuple[asyncpg.Connection, list[SentMessage]]


class InTransaction(Database):
    """The auditor's door into a transaction that will be rolled back, with all the damage done in it."""

    def __init__(self, connection: asyncpg.Connection, times: Times) -> None:
        super().__init__("", times)
        self._connection = connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        yield self

    def transaction(self, **_: Any) -> Any:
        return self._connection.transaction()

    async def execute(self, *arguments: Any) -> Any:
        return await self._connection.execute(*arguments)

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        return await self._connection.fetch(*arguments, **options)


class Story:
    """Builds a healthy database in which everything that the auditor looks at has happened."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._numbers = 0
        self.sent: list[SentMessage] = []

    async def say(self, message: InboundMessage) -> Accepted:
        self._numbers += 1
        message = dataclasses.replace(message, provider_message_id=f"m{self._numbers}", body=f"message {self._numbers}")
        self.sent.append(SentMessage.of(message, acknowledged=True))
        return await Inbox(self._database).accept(message)

    async def turn(self, accepted: Accepted, decide: Any = reply_to) -> None:
        turns, claim, context = await begin(self._database, accepted.customer_id)
        decision: TurnDecision = decide(context)
        await turns.commit(claim, context, decision, allow_rerun=False)

    async def deliver(self) -> None:
        outbox = Outbox(self._database)
        while items := await outbox.claim(10):
            await outbox.record_sent([(item, f"p-{item.send_token}") for item in items])

    async def tell(self) -> None:
        database, desk = self._database, Desk(self._database)
        for _ in range(2):
            await self.turn(await self.say(whatsapp_message(PHONE)))
        await self.deliver()

        handed = await self.say(form_message(thread="handed"))
        await self.turn(handed, escalate)
        await self.turn(await self.say(form_message(thread="handed")), hold)
        await self.deliver()
        await desk.take(handed.conversation_id, "grace")
        await desk.reply(handed.conversation_id, "grace", "I see to it.")
        await self.turn(await self.say(form_message(thread="handed")), hold)
        await self.deliver()

        mail = Identity(IdentifierKind.EMAIL, "dora@example.com", verified=True)
        dead = await self.say(InboundMessage(Channel.EMAIL, "", "dead", mail, ""))
        async with database.connection() as connection:
            await connection.execute("UPDATE work SET attempts_crash = 99 WHERE customer_id = $1", dead.customer_id)
        assert await PostgresTurns(database).claim(dead.customer_id, "test") is None
        await self.deliver()

        await self.turn(await self.say(form_message(thread="failed")))
        (item,) = await Outbox(database).claim(10)
        await Outbox(database).record_failed(item, "refused")

        cancelled = await self.say(form_message(thread="cancelled"))
        await self.turn(cancelled)
        await desk.take(cancelled.conversation_id, "grace")
        await self.deliver()

        form = await self.say(form_message(thread="merged"))
        await self.turn(form)
        phone = await self.say(whatsapp_message(PHONE))
        await merge_customers(database, form.customer_id, phone.customer_id, "link opened")
        await self.turn(phone)
        await self.turn(await self.say(form_message(thread="merged")))
        await self.turn(await self.say(whatsapp_message(PHONE)))
        await self.deliver()

        for thread in ("ended", "reopened", "unsolved"):
            quiet = await self.say(form_message(thread=thread))
            await self.turn(quiet)
            await self.deliver()
            assert await Aftercare(database).close(quiet.conversation_id, LATER, -0.3) is Closing.RESOLVED
        await self.turn(await self.say(form_message(thread="reopened")))
        await self.deliver()
        await Surveys(database).answer(quiet.conversation_id, solved=False, comment="It still fails.")
        await self._opt_out_and_in()
        late = dict.fromkeys(Severity, LATER)
        assert await Aftercare(database).raise_again(Channel.WEB_FORM, late, at_most=1, limit=10) > 0

    async def _opt_out_and_in(self) -> None:
        """A reply is cancelled by STOP, and after START one is sent in parts, on which the provider reports."""
        other = "+15550151"
        await self.turn(await self.say(whatsapp_message(other)))
        await self.say(dataclasses.replace(whatsapp_message(other), consent=ConsentChange(True, "You get no more.")))
        await self.deliver()
        await self.say(dataclasses.replace(whatsapp_message(other), consent=ConsentChange(False, "Welcome back.")))
        await self.turn(await self.say(whatsapp_message(other)))
        outbox = Outbox(self._database)
        (item,) = await outbox.claim(10)
        await outbox.record_sent([(item, "welcome")])
        (item,) = await outbox.claim(10)
        await outbox.record_part_sent(await outbox.remember_parts(item, ["one", "two"]), "SM-one")
        report = DeliveryReport(item.outbox_id, 0, "SM-one", "sent", rank=10)
        assert await outbox.record_report(report) is ReportEffect.MOVED
        (item,) = await outbox.claim(10)
        assert item.text == "two"
        await outbox.record_sent([(item, "SM-two")], {item.outbox_id})


@pytest.fixture(scope="module")
async def healthy(module_database_url: str) -> AsyncIterator[Healthy]:
    """A connection to the healthy database, and what was sent to make it."""
    database = Database(
        module_database_url, Times(statement_timeout_s=120, acquire_connection_s=120, lease_s=300, send_lease_s=300)
    )
    story = Story(database)
    await story.tell()
    report = await audit(database, story.sent, settled=True, complete=True)
    assert report.clean, str(report)
    assert report.counts["outcome dead_letter"] == report.counts["outbox failed"] == report.counts["merges"] == 1
    await database.close()
    connection = await asyncpg.connect(module_database_url)
    await connection.execute(read_words())
    yield connection, story.sent
    await connection.close()


def read_damage() -> list[tuple[str, str, str]]:
    """Of each block of the file: the check, what it must say, and the damage."""
    parts = re.split(r"^-- block: (\S+)\n-- finding: (.+)\n", DAMAGE_FILE.read_text(encoding="utf-8"), flags=re.M)
    return list(zip(parts[1::3], parts[2::3], parts[3::3], strict=True))


def read_words() -> str:
    """The functions that the damage is told in."""
    return DAMAGE_FILE.read_text(encoding="utf-8").split("\n-- block: ", 1)[0]


@pytest.mark.parametrize(
    ("block", "finding", "damage"),
    [pytest.param(*damage, id=f"{number}-{damage[0]}") for number, damage in enumerate(read_damage())],
)
async def test_damage_is_found(healthy: Healthy, block: str, finding: str, damage: str, times: Times) -> None:
    connection, sent = healthy
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(damage)
        found = [row["finding"] for row in await connection.fetch(load_queries("audit")[block])]
        assert any(re.search(finding, sentence) for sentence in found), found
        report = await audit(InTransaction(connection, times), sent, settled=True)
        assert set(found) <= set(report.findings)
        together = await audit(InTransaction(connection, times), sent, settled=True, together=True)
        assert sorted(together.findings) == sorted(report.findings)
        if block.startswith("settled_"):
            unsettled = await audit(InTransaction(connection, times), sent, settled=False)
            assert not set(found) & set(unsettled.findings)
    finally:
        await transaction.rollback()


@pytest.mark.parametrize(
    ("number", "change", "finding"),
    [
        pytest.param(0, {"key": "lost"}, "the acknowledged whatsapp message lost is not stored", id="missing"),
        pytest.param(0, {"body_sha256": digest_body("no")}, "is stored with another body than", id="body"),
        pytest.param(0, {"group": "other"}, "holds messages of the groups", id="joined"),
        pytest.param(6, {"group": "handed"}, "are stored under the threads", id="split"),
        pytest.param(0, {"key": "other", "acknowledged": False}, "m1\\) is stored, and nobody sent it", id="unsent"),
    ],
)
async def test_difference_from_what_was_sent_is_found(
    healthy: Healthy, number: int, change: dict[str, Any], finding: str, times: Times
) -> None:
    connection, sent = healthy
    changed = [*sent[:number], dataclasses.replace(sent[number], **change), *sent[number + 1 :]]
    async with connection.transaction():
        report = await audit(InTransaction(connection, times), changed, settled=True, complete=True)
    assert any(re.search(finding, sentence) for sentence in report.findings), str(report)


async def test_unacknowledged_message_may_be_missing(healthy: Healthy, times: Times) -> None:
    connection, sent = healthy
    maybe = dataclasses.replace(sent[0], key="maybe", acknowledged=False)
    async with connection.transaction():
        report = await audit(InTransaction(connection, times), [*sent, maybe], settled=True, complete=True)
    assert report.clean, str(report)


def test_every_check_of_the_stored_has_its_damage() -> None:
    blocks = {name for name in load_queries("audit") if name.startswith(("find_", "settled_"))}
    assert blocks == {block for block, _, _ in read_damage()}
