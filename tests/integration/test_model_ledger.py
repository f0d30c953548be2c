"""What turns take of a language model, counted in their commits, and a day's ceiling that holds over all replicas."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

import pytest

from agent.errors import FenceLost, ModelCeilingReached
from agent.records import CommitStatus, FallbackCause, ModelUse
from agent.times import Times
from agent.turn.model_use import ModelTerms, Prices
from agent.workers.turn_worker import TurnWorker, WorkStatus
from crm.audit import audit
from crm.database import Database
from crm.inbox import Inbox
from crm.model_ledger import Ceilings, PostgresModelLedger
from crm.turns import PostgresTurns
from deployments.model_state import LanguageModelProbe, model_problem
from models.language import make_model
from models.offline import OfflineModel
from serve_app.settings import Settings
from tests.fakes.openai_server import Behaviour, Hangs, Plain, Says, serve_openai
from tests.integration.http_spine import OPERATOR, http_client, services_for
from tests.integration.spine import form_message, reply_to
from tests.integration.test_turns import begin, expire_leases, fetch_value, make_due
from tests.unit.turn_fakes import services

GOOD = {"message": "Open the project, select More > Export.", "kind": "answer", "articles": ["projects/export"]}
ANSWERS = Says(calls=[("send_response", GOOD)], usage=(900, 100))
USE = ModelUse("some-model", calls=1, input_tokens=900, output_tokens=100, cost_micros=2600, ms=12.5)
HOUR = timedelta(hours=1)


async def day(database: Database) -> tuple[int, int, int, int]:
    """Tokens, cost, held tokens, held cost of today."""
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT tokens, cost_micros, held_tokens, held_cost_micros FROM model_days")
    return tuple(row) if row else (0, 0, 0, 0)  # type: ignore[return-value]


async def test_a_commit_counts_what_the_turn_took(database: Database) -> None:
    ledger = PostgresModelLedger(database, Ceilings(tokens=10_000))
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    held = await ledger.reserve(None, 3000, 6000)
    assert await day(database) == (0, 0, 3000, 6000)
    decision = replace(reply_to(context), model_use=replace(USE, reservation_id=held))
    assert await turns.commit(claim, context, decision, allow_rerun=False) is CommitStatus.COMMITTED
    assert await day(database) == (1000, 2600, 0, 0)
    async with database.connection() as connection:
        row = await connection.fetchrow("SELECT * FROM agent_metrics WHERE kind = 'model'")
    assert row is not None
    assert (row["model"], row["model_calls"], row["input_tokens"], row["output_tokens"], row["cost_micros"]) == (
        *("some-model", 1, 900, 100, 2600),
    )
    assert row["conversation_id"] == context.conversation_id
    assert row["fallback"] is None
    await ledger.settle(replace(USE, reservation_id=held), context)
    assert await day(database) == (1000, 2600, 0, 0), "a second settlement changes nothing"


async def test_a_turn_that_lost_its_fence_is_counted_too(database: Database) -> None:
    ledger = PostgresModelLedger(database, Ceilings(tokens=10_000))
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    held = await ledger.reserve(None, 3000, 0)
    await expire_leases(database)
    await begin(database, accepted.customer_id)
    decision = replace(reply_to(context), model_use=replace(USE, reservation_id=held))
    with pytest.raises(FenceLost):
        await turns.commit(claim, context, decision, allow_rerun=False)
    assert await fetch_value(database, "SELECT count(*) FROM outcomes") == 0
    assert await day(database) == (1000, 2600, 0, 0)


async def test_a_turn_without_a_model_counts_nothing(database: Database) -> None:
    accepted = await Inbox(database).accept(form_message())
    turns, claim, context = await begin(database, accepted.customer_id)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)
    assert await fetch_value(database, "SELECT count(*) FROM agent_metrics WHERE kind = 'model'") == 0
    assert await fetch_value(database, "SELECT count(*) FROM model_days") == 0


async def test_turns_of_several_replicas_cannot_slip_under_the_ceiling_together(
    database: Database, database_url: str, times: Times
) -> None:
    other = Database(database_url, times, "fte-other")
    ceilings = Ceilings(tokens=10_000)
    ledgers = [PostgresModelLedger(each, ceilings) for each in (database, other)]
    asked = [ledgers[n % 2].reserve(None, 3000, 0) for n in range(20)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    await other.close()
    assert [type(each) for each in results if isinstance(each, BaseException)] == [ModelCeilingReached] * 17
    assert await day(database) == (0, 0, 9000, 0)
    figures = await ledgers[0].fetch_figures(HOUR)
    assert (figures.tokens, figures.refused) == (9000, 17)


async def test_what_was_held_too_much_makes_room_again(database: Database) -> None:
    ledger = PostgresModelLedger(database, Ceilings(cost_micros=10_000))
    accepted = await Inbox(database).accept(form_message())
    _, _, context = await begin(database, accepted.customer_id)
    held = await ledger.reserve(None, 1, 9000)
    with pytest.raises(ModelCeilingReached):
        await ledger.reserve(None, 1, 9000)
    await ledger.settle(replace(USE, cost_micros=500, reservation_id=held), context)
    assert await ledger.reserve(None, 1, 9000) is not None


async def test_a_second_call_of_a_turn_adds_to_what_it_holds(database: Database) -> None:
    ledger = PostgresModelLedger(database, Ceilings(tokens=5000))
    held = await ledger.reserve(None, 2000, 10)
    assert await ledger.reserve(held, 2500, 10) == held
    with pytest.raises(ModelCeilingReached):
        await ledger.reserve(held, 2500, 10)
    assert await day(database) == (0, 0, 4500, 20)


async def test_what_a_dead_process_held_stays_counted(database: Database) -> None:
    ledger = PostgresModelLedger(database, Ceilings(tokens=5000))
    await ledger.reserve(None, 4000, 0)
    with pytest.raises(ModelCeilingReached):
        await ledger.reserve(None, 2000, 0)


async def test_yesterday_does_not_count(database: Database) -> None:
    ledger = PostgresModelLedger(database, Ceilings(tokens=5000))
    await ledger.reserve(None, 4000, 0)
    async with database.connection() as connection:
        await connection.execute("ALTER TABLE model_reservations DROP CONSTRAINT model_reservations_day_fkey")
        await connection.execute("UPDATE model_days SET day = day - 1")
        await connection.execute("UPDATE model_reservations SET day = day - 1")
    assert await ledger.reserve(None, 4000, 0) is not None


async def test_without_a_ceiling_nothing_is_asked_of_the_database(times: Times) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing", times)
    assert await PostgresModelLedger(nowhere).reserve(None, 10**9, 10**9) is None


class Pipeline:
    """From accept to commit with a language model, as a replica does it."""

    def __init__(self, database: Database, base_url: str, *, ceilings: Ceilings | None = None, **times: Any) -> None:
        self.database = database
        settings = Times(model_timeout_s=600, model_backoff_s=0.01, embed_timeout_s=600, turn_timeout_s=3600)
        settings = replace(settings, **times)
        self.model = make_model(api_key="sk-not-a-key", base_url=base_url, name="some-model", times=settings)
        self.ledger = PostgresModelLedger(database, ceilings or Ceilings())
        terms = ModelTerms("some-model", 500, self.ledger, Prices(2.0, 8.0), OfflineModel())
        made = services(model=self.model, model_terms=terms, times=settings)
        self.worker = TurnWorker(PostgresTurns(database), None, made, settings, "test")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.model.close()

    async def say(self, body: str = "How do I export a project?") -> WorkStatus:
        accepted = await Inbox(self.database).accept(form_message(body))
        await make_due(self.database)
        return (await self.worker.process(accepted.customer_id)).status


DAYS: dict[str, tuple[Behaviour, str]] = {
    "a good day": (ANSWERS, "reply"),
    "rubbish": (Says(text="zebra"), "escalation"),
    "an invented tool": (Says(calls=[("delete_customer", {})]), "escalation"),
    "50,000 characters": (Says(calls=[("send_response", {**GOOD, "message": "zebra " * 9000})]), "escalation"),
    "a refusal": (Says(refusal="zebra"), "escalation"),
    "null choices": (Says(changes=lambda made: made.update(choices=None)), "escalation"),
    "endless searches": (Says(calls=[("search_knowledge_base", {"query": "x"})]), "escalation"),
    "an outage": (Plain(503, b"{}"), "reply"),
    "a proxy's page": (Plain(200, b"<html>zebra", "text/html"), "reply"),
}


@pytest.mark.parametrize("name", DAYS)
async def test_every_message_ends_once_whatever_the_model_does(database: Database, name: str) -> None:
    behaviour, kind = DAYS[name]
    async with (
        serve_openai(behaviour) as server,
        Pipeline(database, server.base_url, ceilings=Ceilings(tokens=10**9)) as pipeline,
    ):
        statuses = [await pipeline.say() for _ in range(3)]
    assert statuses == [WorkStatus.COMMITTED] * 3
    async with database.connection() as connection:
        kinds = [row["kind"] for row in await connection.fetch("SELECT kind FROM outcomes")]
        bodies = [row["body"] for row in await connection.fetch("SELECT body FROM messages WHERE author = 'fte'")]
    assert kinds == [kind] * 3
    assert len(bodies) == 3
    assert not any("zebra" in body for body in bodies)
    assert (await day(database))[2:] == (0, 0), "nothing is held after the turns"
    report = await audit(database, (), settled=False)
    assert report.clean, str(report)


async def test_an_outage_opens_the_breaker_and_is_seen_by_operators(database: Database) -> None:
    async with (
        serve_openai(Plain(503, b"{}")) as server,
        Pipeline(database, server.base_url, model_retries=0, breaker_failures=3) as pipeline,
    ):
        for _ in range(5):
            assert await pipeline.say() is WorkStatus.COMMITTED
        assert len(server.asked) == 3
    figures = await pipeline.ledger.fetch_figures(HOUR)
    assert figures.turns == 5
    assert figures.fallbacks == {FallbackCause.AWAY: 3, FallbackCause.RESTING: 2, FallbackCause.CEILING: 0}
    settings = Settings(OPENAI_API_KEY="sk-not-a-key", OPENAI_MODEL="some-model")  # type: ignore[call-arg]
    answering = services_for(database, probes={"language_model": LanguageModelProbe(settings, database)})
    async with http_client(answering) as client:
        health = (await client.get("/health/detailed", headers=OPERATOR)).json()
        metrics = (await client.get("/metrics")).text
    assert health["status"] == "degraded"
    assert "5 of the last 5 turns went on without it" in health["parts"]["language_model"]["problem"]
    assert 'fte_model_fallbacks_total{cause="resting"} 2.0' in metrics
    assert 'fte_model_calls_total{model="some-model"} 3.0' in metrics


async def test_a_model_of_no_use_is_seen_by_operators(database: Database) -> None:
    async with serve_openai(Says(text="zebra")) as server, Pipeline(database, server.base_url) as pipeline:
        for _ in range(3):
            assert await pipeline.say() is WorkStatus.COMMITTED
        few = await pipeline.ledger.fetch_figures(HOUR)
        server.now(ANSWERS)
        assert await pipeline.say() is WorkStatus.COMMITTED
    figures = await pipeline.ledger.fetch_figures(HOUR)
    assert (figures.turns, figures.unusable, figures.last_fallback) == (4, 3, "")
    assert model_problem(few) == "", "so few turns tell nothing"
    assert "of the last 4 turns a person got 3 in its place" in model_problem(figures)
    assert "zebra" not in model_problem(figures)
    async with http_client(services_for(database)) as client:
        metrics = (await client.get("/metrics")).text
    assert 'fte_model_unusable_total{model="some-model"} 3.0' in metrics


async def test_at_the_days_ceiling_customers_are_answered_without_the_model(database: Database) -> None:
    async with (
        serve_openai(ANSWERS) as server,
        Pipeline(database, server.base_url, ceilings=Ceilings(tokens=12_000)) as pipeline,
    ):
        for _ in range(20):
            assert await pipeline.say() is WorkStatus.COMMITTED
        asked = len(server.asked)
    assert 1 <= asked < 20
    assert await fetch_value(database, "SELECT count(*) FROM outcomes WHERE kind = 'reply'") == 20
    tokens, cost, held, held_cost = await day(database)
    assert tokens == asked * 1000 <= 12_000
    assert cost == asked * 2600
    assert (held, held_cost) == (0, 0)
    answering = services_for(database)
    async with http_client(answering) as client:
        metrics = (await client.get("/metrics")).text
    assert f'fte_model_tokens_total{{direction="input",model="some-model"}} {asked * 900}.0' in metrics
    assert f'fte_model_fallbacks_total{{cause="ceiling"}} {20 - asked}.0' in metrics


async def test_a_worker_that_is_killed_in_a_call_leaves_it_counted(database: Database) -> None:
    async with (
        serve_openai(Hangs()) as server,
        Pipeline(database, server.base_url, ceilings=Ceilings(tokens=10**9)) as pipeline,
    ):
        turn = asyncio.create_task(pipeline.say())
        async with server.arrived:
            await server.arrived.wait_for(lambda: bool(server.asked))
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
    tokens, _, held, _ = await day(database)
    assert tokens == 0
    assert held > 500


async def test_the_offline_model_has_no_problem_to_tell(database: Database) -> None:
    assert await LanguageModelProbe(Settings(), database)() == {"model": "offline"}
