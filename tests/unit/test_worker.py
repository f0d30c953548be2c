"""From lock to commit with a fault at every await: the claim is given back or fenced, the lock is always released."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from agents.testing import ModelStep

from agent.errors import ConfigurationInvalid, DatabaseAway, DependencyAway, EmbeddingAway, FenceLost
from agent.ports import LockGrant
from agent.records import (
    Claim,
    CommitStatus,
    ConversationState,
    CustomerId,
    FailureCause,
    OutcomeKind,
    TurnContext,
    TurnDecision,
)
from agent.times import Times
from agent.turn.services import TurnServices
from agent.workers.turn_worker import TurnWorker, WorkStatus, describe
from tests.unit.turn_fakes import FakeEmbedder, context, says, scripted, services

CUSTOMER = CustomerId(uuid4())
GOOD = says("Open the project, select More > Export and choose CSV.")
# A heartbeat comes soon; nothing else ends by itself, however slow the machine is.
QUICK = Times(heartbeat_s=0.01, lock_deadline_s=60, turn_timeout_s=600)

Hook = Callable[[], Awaitable[None]]


class FakeStore:
    """Counts what happened. `at` maps a step's name to what happens inside it: an error, or a hook to await."""

    def __init__(self, at: dict[str, Exception | Hook] | None = None, *, newer: int = 0) -> None:
        self.at = at or {}
        self.newer = newer
        self.due = True
        self.context: TurnContext | None = context()
        self.claims = 0
        self.renewals = 0
        self.renewed_thrice = asyncio.Event()
        self.fence_holds = True
        self.committed: list[tuple[TurnDecision, bool]] = []
        self.released = 0
        self.failures: list[tuple[FailureCause, str]] = []

    async def _step(self, name: str) -> None:
        await asyncio.sleep(0)
        what = self.at.get(name)
        if isinstance(what, Exception):
            raise what
        if what is not None:
            await what()

    async def claim(self, customer_id: CustomerId, holder: str) -> Claim | None:
        await self._step("claim")
        self.claims += 1
        return Claim(customer_id, self.claims, holder, datetime.now(UTC)) if self.due else None

    async def renew(self, claim: Claim) -> bool:
        self.renewals += 1
        if self.renewals >= 3:
            self.renewed_thrice.set()
        await self._step("renew")
        return self.fence_holds

    async def gather(self, claim: Claim) -> TurnContext | None:
        await self._step("gather")
        return self.context

    async def commit(
        self, claim: Claim, context: TurnContext, decision: TurnDecision, *, allow_rerun: bool
    ) -> CommitStatus:
        await self._step("commit")
        if self.newer > 0 and allow_rerun:
            self.newer -= 1
            return CommitStatus.NEWER_MESSAGES
        self.committed.append((decision, allow_rerun))
        return CommitStatus.COMMITTED

    async def release(self, claim: Claim) -> None:
        await self._step("release")
        self.released += 1

    async def fail(self, claim: Claim, cause: FailureCause, error: str) -> None:
        await self._step("fail")
        self.failures.append((cause, error))


class FakeLocks:
    def __init__(self, *, grants: bool = True, error: Exception | None = None, hangs: bool = False) -> None:
        self.grants = grants
        self.error = error
        self.hangs = hangs
        self.held: set[str] = set()

    async def acquire(self, customer_id: CustomerId, holder: str) -> LockGrant | None:
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.sleep(3600)
        if self.error is not None:
            raise self.error
        if not self.grants:
            return None
        grant = LockGrant(customer_id, uuid4().hex)
        self.held.add(grant.token)
        return grant

    async def release(self, grant: LockGrant) -> None:
        await asyncio.sleep(0)
        self.held.remove(grant.token)


def worker(
    store: FakeStore,
    locks: FakeLocks | None = None,
    served: TurnServices | Callable[[], Awaitable[TurnServices]] | None = None,
    times: Times = QUICK,
) -> TurnWorker:
    return TurnWorker(store, locks, served or services(model=scripted(GOOD, GOOD)), times, "test")


async def test_a_due_burst_is_answered_and_committed_with_its_stages() -> None:
    store, locks = FakeStore(), FakeLocks()
    store.context = context(queue_wait_ms=12.5)
    result = await worker(store, locks).process(CUSTOMER)
    assert result.status is WorkStatus.COMMITTED
    assert result.outcome is OutcomeKind.REPLY
    decision, allow_rerun = store.committed[0]
    assert allow_rerun
    stored = {"lock", "claim", "gather", "queue_wait", "turn", "embed", "search", "model"}
    assert stored <= set(decision.stages)
    assert decision.stages["queue_wait"] == 12.5
    assert "commit" in result.stages
    assert store.released == 0
    assert not locks.held


async def test_nothing_due_touches_nothing() -> None:
    store, locks = FakeStore(), FakeLocks()
    store.due = False
    assert (await worker(store, locks).process(CUSTOMER)).status is WorkStatus.NOTHING_DUE
    assert not store.committed
    assert not store.failures
    assert not locks.held


async def test_a_claim_with_nothing_queued_is_given_back() -> None:
    store = FakeStore()
    store.context = None
    assert (await worker(store).process(CUSTOMER)).status is WorkStatus.NOTHING_DUE
    assert store.released == 1


@pytest.mark.parametrize(
    "locks",
    [None, FakeLocks(grants=False), FakeLocks(error=RuntimeError("the actor died")), FakeLocks(hangs=True)],
    ids=["none", "not granted", "dead", "hanging"],
)
async def test_without_a_lock_postgres_alone_decides(locks: FakeLocks | None) -> None:
    store = FakeStore()
    times = replace(QUICK, lock_deadline_s=0.02, lock_confirm_s=0.02)
    async with asyncio.timeout(60):
        assert (await worker(store, locks, times=times).process(CUSTOMER)).status is WorkStatus.COMMITTED


@pytest.mark.parametrize("step", ["gather", "commit"])
async def test_a_lost_fence_drops_the_turn_quietly(step: str) -> None:
    store, locks = FakeStore({step: FenceLost("a person took over")}), FakeLocks()
    assert (await worker(store, locks).process(CUSTOMER)).status is WorkStatus.FENCE_LOST
    assert not store.committed
    assert not store.failures
    assert store.released == 0
    assert not locks.held


async def test_a_fence_lost_in_mid_turn_stops_the_turn_at_its_next_heartbeat() -> None:
    reached = asyncio.Event()

    async def hang(_: object) -> object:
        reached.set()
        await asyncio.sleep(3600)
        raise AssertionError

    store, locks = FakeStore(), FakeLocks()
    running = asyncio.create_task(
        worker(store, locks, services(model=scripted(ModelStep.respond(hang)))).process(CUSTOMER)  # type: ignore[arg-type]
    )
    await reached.wait()
    store.fence_holds = False
    async with asyncio.timeout(60):
        result = await running
    assert result.status is WorkStatus.FENCE_LOST
    assert not store.committed
    assert not locks.held


async def test_the_lease_is_renewed_while_a_turn_runs_and_an_outage_of_renewals_is_survived() -> None:
    store = FakeStore({"renew": DatabaseAway("away")})

    async def until_renewed(_: object) -> object:
        await store.renewed_thrice.wait()
        return [GOOD]

    result = await worker(store, None, services(model=scripted(ModelStep.respond(until_renewed)))).process(CUSTOMER)  # type: ignore[arg-type]
    assert result.status is WorkStatus.COMMITTED
    renewals = store.renewals
    await asyncio.sleep(0.05)
    assert store.renewals == renewals, "the heartbeat outlived its turn"


@pytest.mark.parametrize(
    ("step", "error", "status", "causes"),
    [
        ("claim", DatabaseAway("away"), WorkStatus.DEPENDENCY_AWAY, []),
        ("claim", RuntimeError("boom"), WorkStatus.FAILED, []),
        ("gather", DatabaseAway("away"), WorkStatus.DEPENDENCY_AWAY, [FailureCause.DEPENDENCY]),
        ("gather", ConfigurationInvalid("run fte kb sync"), WorkStatus.DEPENDENCY_AWAY, [FailureCause.DEPENDENCY]),
        ("gather", RuntimeError("boom"), WorkStatus.FAILED, [FailureCause.MESSAGE]),
        ("commit", DatabaseAway("away"), WorkStatus.DEPENDENCY_AWAY, [FailureCause.DEPENDENCY]),
        ("commit", RuntimeError("boom"), WorkStatus.FAILED, [FailureCause.MESSAGE]),
    ],
)
async def test_a_fault_at_a_step_of_the_store_is_counted_under_its_cause(
    step: str, error: Exception, status: WorkStatus, causes: list[FailureCause]
) -> None:
    store, locks = FakeStore({step: error}), FakeLocks()
    assert (await worker(store, locks).process(CUSTOMER)).status is status
    assert [cause for cause, _ in store.failures] == causes
    assert not locks.held
    assert not store.committed


async def test_an_outage_of_the_embedder_counts_as_a_dependencys() -> None:
    store = FakeStore()
    result = await worker(store, None, services(embedder=FakeEmbedder(EmbeddingAway("away")))).process(CUSTOMER)
    assert result.status is WorkStatus.DEPENDENCY_AWAY
    assert store.failures == [(FailureCause.DEPENDENCY, "away")]


async def test_services_that_cannot_be_made_yet_count_as_a_dependencys_outage() -> None:
    async def make() -> TurnServices:
        raise EmbeddingAway("the model still loads")

    store = FakeStore()
    assert (await worker(store, None, make).process(CUSTOMER)).status is WorkStatus.DEPENDENCY_AWAY
    assert store.failures[0][0] is FailureCause.DEPENDENCY


async def test_a_turn_over_its_time_counts_as_the_messages_fault() -> None:
    store = FakeStore()
    slow = services(embedder=FakeEmbedder(delay_s=3600))
    result = await worker(store, None, slow, replace(QUICK, turn_timeout_s=0.02)).process(CUSTOMER)
    assert result.status is WorkStatus.FAILED
    assert store.failures[0][0] is FailureCause.MESSAGE
    assert "TimeoutError" in store.failures[0][1]


@pytest.mark.parametrize("step", ["fail", "release"])
async def test_a_clean_up_that_fails_raises_nothing(step: str) -> None:
    store, locks = FakeStore({"gather": RuntimeError("boom"), step: DatabaseAway("away")}), FakeLocks()
    assert (await worker(store, locks).process(CUSTOMER)).status is WorkStatus.FAILED
    assert not locks.held


async def test_what_is_recorded_of_a_foreign_error_quotes_no_customer() -> None:
    store = FakeStore({"gather": ValueError("Robin wrote: my card is 4111")})
    await worker(store).process(CUSTOMER)
    assert "4111" not in store.failures[0][1]
    assert "ValueError" in store.failures[0][1]


async def test_newer_messages_make_one_rerun_and_no_second() -> None:
    store = FakeStore(newer=5)
    result = await worker(store, None, services(model=scripted(GOOD, GOOD))).process(CUSTOMER)
    assert result.status is WorkStatus.COMMITTED
    assert result.reruns == 1
    assert len(store.committed) == 1
    assert store.committed[0][1] is False


async def test_a_burst_that_began_long_ago_is_not_run_again() -> None:
    store = FakeStore(newer=5)
    began_at = datetime.now(UTC) - timedelta(seconds=QUICK.rerun_cap_s + 1)
    store.context = context(burst_began_at=began_at)
    assert (await worker(store).process(CUSTOMER)).reruns == 0
    assert store.committed[0][1] is False


async def test_a_held_conversation_commits_without_a_model() -> None:
    store = FakeStore()
    store.context = context(state=ConversationState.ESCALATED)
    model = scripted()
    result = await worker(store, None, services(model=model)).process(CUSTOMER)
    assert result.outcome is OutcomeKind.HELD
    assert not model.calls


@pytest.mark.parametrize("step", ["claim", "gather", "commit", "model", "embed", "acquire"])
async def test_a_cancellation_at_any_step_gives_the_claim_and_the_lock_back(step: str) -> None:
    reached = asyncio.Event()

    async def hang() -> None:
        reached.set()
        await asyncio.sleep(3600)

    async def model_hangs(_: object) -> object:
        await hang()
        raise AssertionError

    class Embedder(FakeEmbedder):
        async def embed(self, texts: object) -> object:  # type: ignore[override]
            return await hang()

    class Locks(FakeLocks):
        async def acquire(self, customer_id: CustomerId, holder: str) -> LockGrant | None:
            await hang()
            raise AssertionError

    store = FakeStore({step: hang} if step in ("claim", "gather", "commit") else {})
    locks = Locks() if step == "acquire" else FakeLocks()
    served = services(model=scripted(GOOD))
    if step == "model":
        served = services(model=scripted(ModelStep.respond(model_hangs)))  # type: ignore[arg-type]
    if step == "embed":
        served = services(embedder=Embedder())
    # How long the commit that hangs is waited for; the clean-up has all the time that it needs.
    times = replace(QUICK, statement_timeout_s=0.05, acquire_connection_s=60)
    running = asyncio.create_task(worker(store, locks, served, times).process(CUSTOMER))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not locks.held
    assert not store.committed
    assert store.released == (0 if step in ("claim", "acquire") else 1)
    assert store.failures == []


async def test_a_commit_once_begun_is_waited_for_when_the_worker_is_cancelled() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow_commit() -> None:
        reached.set()
        await go_on.wait()

    store = FakeStore({"commit": slow_commit})
    running = asyncio.create_task(worker(store).process(CUSTOMER))
    await reached.wait()
    running.cancel()
    await asyncio.sleep(0.01)
    assert not running.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(store.committed) == 1


def test_our_own_errors_are_described_in_words() -> None:
    assert "the database is away" in describe(DatabaseAway("the database is away"))
    assert issubclass(DatabaseAway, DependencyAway)
