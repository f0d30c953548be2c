"""What a turn takes of a language model: estimated before a call, counted after it, whatever becomes of it."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from agents.testing import ModelStep
from agents.usage import Usage

from agent.errors import DatabaseAway, ModelAway, ModelCeilingReached, ModelMisbehaved, ModelResting
from agent.records import FallbackCause, ModelUse, OutcomeKind, TurnContext
from agent.turn.model_use import ModelMeter, ModelTerms, Prices
from agent.turn.turn import run_turn
from models.offline import OfflineModel
from tests.unit.turn_fakes import FakeSearch, context, says, scripted, searches, services

PRICES = Prices(2.5, 10.0)
GOOD = "Open the project, select More > Export and choose CSV."


class FakeLedger:
    """Remembers what is asked of it. `room` is for so many calls."""

    def __init__(self, room: int = 99, away: bool = False) -> None:
        self.room = room
        self.away = away
        self.id = uuid4()
        self.reserved: list[tuple[UUID | None, int, int]] = []
        self.settled: list[ModelUse] = []

    async def reserve(self, held: UUID | None, tokens: int, cost_micros: int) -> UUID | None:
        if self.away:
            raise DatabaseAway("away")
        if len(self.reserved) >= self.room:
            raise ModelCeilingReached("full")
        self.reserved.append((held, tokens, cost_micros))
        return self.id

    async def settle(self, use: ModelUse, context: TurnContext) -> None:
        self.settled.append(use)


def terms(ledger: FakeLedger, prices: Prices | None = PRICES, fallback: bool = True) -> ModelTerms:
    return ModelTerms("some-model", 500, ledger, prices, OfflineModel() if fallback else None)


def usage(read: int, written: int) -> Usage:
    return Usage(requests=1, input_tokens=read, output_tokens=written, total_tokens=read + written)


async def meter_of(ledger: FakeLedger) -> ModelMeter:
    meter = ModelMeter(terms(ledger))
    await meter.before_call(2000)
    return meter


async def test_a_calls_tokens_cost_what_the_prices_say() -> None:
    meter = await meter_of(FakeLedger())
    meter.after_call(usage(1000, 100), 40.0)
    assert (meter.use.calls, meter.use.input_tokens, meter.use.output_tokens) == (1, 1000, 100)
    assert meter.use.cost_micros == 3500  # 1000 at 2.50 and 100 at 10.00 a million
    assert meter.use.ms == 40.0


async def test_a_server_that_tells_no_usage_is_counted_as_estimated() -> None:
    ledger = FakeLedger()
    meter = await meter_of(ledger)
    meter.after_call(usage(0, 0), 1.0)
    assert ledger.reserved == [(None, 1500, 7500)]
    assert (meter.use.input_tokens, meter.use.output_tokens, meter.use.cost_micros) == (1000, 500, 7500)


async def test_requests_that_were_lost_on_the_way_count_as_estimated() -> None:
    meter = await meter_of(FakeLedger())
    meter.after_call(Usage(requests=3, input_tokens=900, output_tokens=100, total_tokens=1000), 1.0)
    assert (meter.use.calls, meter.use.input_tokens, meter.use.output_tokens) == (1, 2900, 1100)


@pytest.mark.parametrize(
    ("error", "tokens"),
    [
        (ModelAway("busy"), 0),
        (ModelAway("slow", perhaps_billed=True), 1500),
        (ModelMisbehaved("incomplete"), 1500),
        (ModelMisbehaved("cut short", (900, 60, 1)), 960),
        (ModelMisbehaved("cut short after a request that was lost", (900, 60, 2)), 960 + 1500),
        (ModelMisbehaved("cut short by a server that tells no usage", (0, 0, 1)), 1500),
        (DatabaseAway("away"), 1500),
    ],
)
async def test_a_failed_call_counts_where_the_server_may_have_worked_on_it(error: Exception, tokens: int) -> None:
    meter = await meter_of(FakeLedger())
    meter.call_failed(error, 1.0)
    assert meter.use.input_tokens + meter.use.output_tokens == tokens
    meter.call_failed(error, 1.0)
    assert meter.use.input_tokens + meter.use.output_tokens == tokens, "a call is counted once"


async def test_a_turn_tells_why_its_models_answer_was_of_no_use() -> None:
    decision = await run_turn(
        context(), services(model=scripted(says("word " * 10_000)), model_terms=terms(FakeLedger()))
    )
    assert decision.kind is OutcomeKind.ESCALATION
    assert decision.model_use is not None
    assert (decision.model_use.fallback, decision.model_use.problem) == (None, "the language model wrote far too much")


async def test_without_prices_only_tokens_count() -> None:
    meter = ModelMeter(terms(FakeLedger(), prices=None))
    await meter.before_call(100)
    meter.after_call(usage(10, 10), 1.0)
    assert meter.use.cost_micros == 0


async def test_a_call_that_was_refused_by_the_breaker_is_none() -> None:
    meter = await meter_of(FakeLedger())
    meter.call_failed(ModelResting("resting"), 0.0)
    assert meter.fell_back(ModelResting("resting")) is FallbackCause.RESTING
    assert meter.use.calls == 0


async def test_a_turn_holds_room_before_each_call_and_tells_its_use() -> None:
    ledger = FakeLedger()
    model = scripted(searches("csv"), says(GOOD))
    decision = await run_turn(context(), services(model=model, model_terms=terms(ledger)))
    assert decision.model_use is not None
    assert decision.model_use.calls == 2
    assert decision.model_use.reservation_id == ledger.id
    assert [held for held, _, _ in ledger.reserved] == [None, ledger.id]
    assert ledger.reserved[1][1] > ledger.reserved[0][1], "the second call has read more"
    assert ledger.settled == [], "its commit settles"


async def test_the_estimate_is_never_less_than_what_is_sent() -> None:
    ledger = FakeLedger()
    model = scripted(says(GOOD))
    await run_turn(context("ü" * 3000), services(model=model, model_terms=terms(ledger)))
    assert ledger.reserved[0][1] > 3000 + 500


async def test_at_the_ceiling_the_model_is_not_asked() -> None:
    model = scripted()
    decision = await run_turn(context(), services(model=model, model_terms=terms(FakeLedger(room=0))))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.model_use is not None
    assert decision.model_use.fallback is FallbackCause.CEILING
    assert decision.model_use.calls == 0
    assert not model.calls


async def test_at_the_ceiling_without_a_fallback_a_person_is_asked() -> None:
    terms_of_turn = terms(FakeLedger(room=0), fallback=False)
    decision = await run_turn(context(), services(model=scripted(), model_terms=terms_of_turn))
    assert decision.kind is OutcomeKind.ESCALATION


async def test_a_second_call_that_does_not_fit_falls_back_with_what_was_found() -> None:
    model = scripted(searches("csv"))
    decision = await run_turn(context(), services(model=model, model_terms=terms(FakeLedger(room=1))))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.model_use is not None
    assert (decision.model_use.calls, decision.model_use.fallback) == (1, FallbackCause.CEILING)


async def test_a_turn_that_will_not_commit_is_settled_at_once() -> None:
    ledger = FakeLedger()
    model = scripted(searches("csv"))
    search = FakeSearch(error=DatabaseAway("away"), fails_from=1)
    with pytest.raises(DatabaseAway):
        await run_turn(context(), services(model=model, search=search, model_terms=terms(ledger)))
    assert [use.calls for use in ledger.settled] == [1]


async def test_a_ledger_that_is_away_is_the_workers_matter_and_no_call_is_made() -> None:
    model = scripted(ModelStep.respond(lambda _: pytest.fail("not asked")))
    with pytest.raises(DatabaseAway):
        await run_turn(context(), services(model=model, model_terms=terms(FakeLedger(away=True))))
