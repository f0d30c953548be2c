"""`fte seed` with the real model, beside loops as a running system has them: every state is there, and whole."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from agent.errors import ConfigurationInvalid, Conflict
from agent.records import Channel, CustomerId, InboundMessage
from agent.times import Times
from agent.workers.delivery import DeliveryLoop
from agent.workers.dispatch import DispatchLoop
from agent.workers.together import run_together
from channels.stored import StoredSender
from crm.audit import SentMessage, audit
from crm.database import Database
from crm.inbox import Inbox
from crm.merge import merge_customers
from crm.metrics import Metrics
from crm.outbox import Outbox
from crm.samples import ClaimedTurns, Samples
from crm.turns import PostgresTurns
from crm.work import OUTBOX_CHANNEL, WorkQueue
from serve_app.cli import app
from serve_app.samples import Conversation, Written, read_samples
from serve_app.settings import CHECKOUT, load_settings
from tests.integration.spine import escalate, form_message, reply_to, whatsapp_message
from tests.integration.test_turns import fetch_value

KNOWLEDGE = CHECKOUT / "knowledge"
SAMPLES = read_samples(KNOWLEDGE / "sample_conversations.yaml")
MESSAGES = [message for each in SAMPLES for burst in each.messages() for message in burst]


@contextmanager
def settings_of(dsn: str, **environment: str) -> Iterator[None]:
    """The command's settings are those of a database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSTGRES_HOST", parse_qs(urlsplit(dsn).query)["host"][0])
        patch.setenv("POSTGRES_DB", urlsplit(dsn).path.lstrip("/"))
        for name, value in environment.items():
            patch.setenv(name, value)
        load_settings.cache_clear()
        yield
    load_settings.cache_clear()


def fte(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@dataclass
class Seeded:
    """A database after `fte seed`, twice. `offered` are the customers whom a dispatcher found due meanwhile."""

    database: Database
    first: Result
    again: Result
    offered: list[CustomerId] = field(default_factory=list)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.database.connection() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
        return rows


@pytest.fixture(scope="module")
async def seeded(module_database_url: str) -> AsyncIterator[Seeded]:
    database = Database(module_database_url, Times().unhurried(), "fte-test")
    queue = WorkQueue(database)
    offered: list[CustomerId] = []

    async def run_turn(customer_id: CustomerId) -> bool:
        offered.append(customer_id)
        return False

    dispatch = DispatchLoop(queue, partial(run_together, run_turn), lambda: 8, Times())
    courier = DeliveryLoop(
        Outbox(database),
        {channel: StoredSender(channel.value) for channel in Channel},
        lambda on_notify, on_lost: queue.listen(on_notify, OUTBOX_CHANNEL, on_lost),
        lambda: None,
        Times(),
    )
    with settings_of(module_database_url):
        synced = await asyncio.to_thread(fte, "kb", "sync", str(KNOWLEDGE / "articles"))
        assert synced.exit_code == 0, synced.output
        loops = [asyncio.create_task(dispatch.run()), asyncio.create_task(courier.run())]
        first = await asyncio.to_thread(fte, "seed", "--json")
        again = await asyncio.to_thread(fte, "seed")
        dispatch.stop()
        courier.stop()
        await asyncio.gather(*loops)
    yield Seeded(database, first, again, offered)
    await database.close()


async def test_all_is_written_once_and_ends_as_the_samples_say(seeded: Seeded) -> None:
    assert seeded.first.exception is None, seeded.first.output
    number = len(SAMPLES)
    assert json.loads(seeded.first.stdout) == {"written": number, "present": 0, "removed": 0, "otherwise": []}
    assert seeded.again.stdout == f"sample conversations: 0 written, {number} there before\n"
    assert [row["count"] for row in await seeded.fetch("SELECT count(*) FROM conversations")] == [number]


async def test_the_auditor_finds_nothing_and_no_dispatcher_found_work(seeded: Seeded) -> None:
    sent = [SentMessage.of(message, acknowledged=True) for message in MESSAGES]
    report = await audit(seeded.database, sent, settled=True, complete=True)
    assert report.findings == ()
    assert report.counts["inbound"] == len(MESSAGES)
    assert seeded.offered == []


@pytest.mark.parametrize("conversation", SAMPLES, ids=lambda each: each.key)
async def test_each_message_ended_with_its_team_or_article(seeded: Seeded, conversation: Conversation) -> None:
    steps = [step for step in conversation.steps if isinstance(step, Written)]
    for step, burst in zip(steps, conversation.messages(), strict=True):
        [row] = await seeded.fetch(
            "SELECT DISTINCT o.outcome_id, o.kind, e.team, coalesce(r.body, '') AS reply FROM messages m "
            "JOIN outcomes o ON o.outcome_id = m.outcome_id LEFT JOIN escalations e ON e.outcome_id = o.outcome_id "
            "LEFT JOIN outbox b ON b.outcome_id = o.outcome_id LEFT JOIN messages r ON r.message_id = b.message_id "
            "WHERE m.provider_message_id = ANY ($1)",
            [message.provider_message_id for message in burst],
        )
        assert (row["kind"], row["team"]) == (step.outcome.value, step.team.value if step.team else None)
        if step.article:
            [title] = await seeded.fetch("SELECT title FROM knowledge_base WHERE slug = $1", step.article)
            assert title["title"] in row["reply"]


async def test_customers_have_the_plans_that_the_samples_say(seeded: Seeded) -> None:
    rows = await seeded.fetch(
        "SELECT DISTINCT i.value, u.plan FROM customers u JOIN customer_identifiers i USING (customer_id)"
    )
    plans = {each.address: each.plan.value for each in SAMPLES if each.plan}
    assert plans
    assert {row["value"]: row["plan"] for row in rows if row["plan"] != "free"} == plans


async def test_thanks_ended_a_conversation_as_confirmed(seeded: Seeded) -> None:
    rows = await seeded.fetch(
        "SELECT r.kind, r.resolved_by, r.resolved_at < now() - interval '20 hours' AS moved FROM resolutions r "
        "JOIN conversations c USING (conversation_id) WHERE c.thread_key = 'sample:two-factor-done'"
    )
    assert [tuple(row) for row in rows] == [("confirmed", "the customer", True)]


async def test_the_desk_shows_every_state_at_many_ages(seeded: Seeded) -> None:
    statuses = {row["status"] for row in await seeded.fetch("SELECT DISTINCT status FROM escalations")}
    assert statuses == {"open", "taken", "handed_back", "resolved"}
    states = {row["state"] for row in await seeded.fetch("SELECT DISTINCT state FROM conversations")}
    assert states == {"open", "escalated", "resolved"}
    severities = {row["severity"] for row in await seeded.fetch("SELECT DISTINCT severity FROM escalations")}
    assert len(severities) > 1
    waiting = await seeded.fetch(
        "SELECT now() - created_at AS age FROM escalations WHERE status = 'open' ORDER BY created_at"
    )
    assert waiting[0]["age"].total_seconds() > 12 * 3600
    assert waiting[-1]["age"].total_seconds() < 3600


async def test_every_step_stands_where_the_samples_put_it(seeded: Seeded) -> None:
    [clock] = await seeded.fetch("SELECT min(uuid_extract_timestamp(message_id)) AS began_at FROM messages")
    for each in SAMPLES:
        steps = [step for step in each.steps if isinstance(step, Written)]
        for step, burst in zip(steps, each.messages(), strict=True):
            [row] = await seeded.fetch(
                "SELECT min(created_at) AS at FROM messages WHERE provider_message_id = ANY ($1)",
                [message.provider_message_id for message in burst],
            )
            off_s = (clock["began_at"] - row["at"]).total_seconds() - step.minutes_ago * 60
            assert abs(off_s) < 120, each.key
    disorder = await seeded.fetch(
        "SELECT FROM messages a JOIN messages b USING (conversation_id) "
        "WHERE a.message_id < b.message_id AND a.created_at > b.created_at"
    )
    assert disorder == []
    [first] = await seeded.fetch(
        "SELECT count(*) AS number FROM conversations c JOIN customers u USING (customer_id) JOIN tickets t "
        "USING (conversation_id) JOIN customer_identifiers i USING (identifier_id) WHERE u.created_at > c.created_at "
        "OR i.created_at > c.created_at OR c.last_message_at < c.created_at OR t.updated_at < t.created_at"
    )
    assert first["number"] == 0


async def test_every_channel_has_figures(seeded: Seeded) -> None:
    for row in await Metrics(seeded.database).fetch_channels(window=timedelta(days=1)):
        assert row.messages
        assert row.replies
        assert 0 < row.escalation_rate < 1
        assert row.ack is not None
        assert row.turn is not None
        assert row.end_to_end is not None


async def test_a_sample_is_claimed_when_it_becomes_visible(database: Database) -> None:
    samples = Samples(database)
    burst = [whatsapp_message("+15550107", text, key=f"burst-{text}") for text in ("one", "two")]
    accepted, claim = await samples.accept_and_claim(burst, "seed")
    assert await WorkQueue(database).fetch_due(10) == []
    assert await PostgresTurns(database).claim(accepted.customer_id, "dispatcher") is None
    turns = ClaimedTurns(database, claim)
    assert await turns.claim(accepted.customer_id, "seed") == claim
    context = await turns.gather(claim)
    assert context is not None
    assert [message.body for message in context.burst] == ["one", "two"]


async def test_a_burst_is_stored_whole_or_not_at_all(database: Database) -> None:
    first = whatsapp_message("+15550107", "one", key="twice")
    other = replace(first, body="another", request_hash=b"another")
    with pytest.raises(Conflict):
        await Samples(database).accept_and_claim([first, other], "seed")
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 0


async def answer(database: Database, message: InboundMessage, *, with_escalation: bool) -> CustomerId:
    accepted, claim = await Samples(database).accept_and_claim([message], "seed")
    turns = PostgresTurns(database)
    context = await turns.gather(claim)
    assert context is not None
    decision = escalate(context) if with_escalation else reply_to(context)
    await turns.commit(claim, context, decision, allow_rerun=False)
    return accepted.customer_id


async def test_reset_removes_the_samples_and_nobody_else(database: Database) -> None:
    sample, own = whatsapp_message("+15550107", key="sample"), form_message(key="own")
    phone = await answer(database, sample, with_escalation=True)
    await answer(database, own, with_escalation=False)
    second = form_message(key="second address")
    form = await answer(database, second, with_escalation=False)
    await merge_customers(database, form, phone, "link opened")
    samples = Samples(database)
    keys = [(each.channel, each.provider_message_id) for each in (sample, second)]
    assert await samples.remove(keys) == 2
    assert await samples.remove(keys) == 0
    report = await audit(database, [SentMessage.of(own, acknowledged=True)], settled=False, complete=True)
    assert report.findings == ()
    assert report.counts["conversations"] == 1


async def test_reset_removes_nothing_where_a_real_customer_was_merged_with_a_sample(database: Database) -> None:
    sample, own = whatsapp_message("+15550107", key="sample"), form_message(key="own")
    phone = await answer(database, sample, with_escalation=False)
    real = await answer(database, own, with_escalation=False)
    await merge_customers(database, real, phone, "link opened")
    with pytest.raises(Conflict, match="1 messages that are no samples"):
        await Samples(database).remove([(sample.channel, sample.provider_message_id)])
    assert await fetch_value(database, "SELECT count(*) FROM messages WHERE direction = 'inbound'") == 2


async def test_what_hinders_is_one_sentence(database: Database, database_url: str) -> None:
    with settings_of(database_url):
        result = await asyncio.to_thread(fte, "seed")
        assert isinstance(result.exception, ConfigurationInvalid)
        assert "fte kb sync" in str(result.exception)
        async with Samples(database).only_one():
            result = await asyncio.to_thread(fte, "seed")
        assert isinstance(result.exception, Conflict)
        assert "another" in str(result.exception)
        await Inbox(database).accept(MESSAGES[0])
        result = await asyncio.to_thread(fte, "seed")
        assert isinstance(result.exception, Conflict)
        assert "--reset" in str(result.exception)


async def test_production_refuses(database: Database, database_url: str) -> None:
    secret = "a-long-random-value-of-the-operator"
    keys = {"FTE_OPERATOR_KEY": secret, "FTE_TOKEN_SECRET": secret}
    with settings_of(database_url, ENVIRONMENT="production", **keys):
        result = await asyncio.to_thread(fte, "seed", "--reset")
    assert isinstance(result.exception, ConfigurationInvalid)
    assert "production" in str(result.exception)
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 0
