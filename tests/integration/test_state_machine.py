"""Accept, claim, commit, quarantine, takeover, holding, confirmation and refusal, merge and its end, send and
aftercare: one state machine, with a fault at every await.

Run new seeds with `pytest tests/integration/test_state_machine.py --hypothesis-profile=deep`; repeat one with
`--hypothesis-seed=N`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from agent.records import FailureCause
from tests.integration.machine.cast import KINDS, Cast
from tests.integration.machine.channels import FIRST_UNPROVEN
from tests.integration.machine.faults import Cut, When
from tests.integration.machine.model import Operation
from tests.integration.machine.world import World

picks = st.integers(0, 11)
flags = st.booleans()
kinds = st.sampled_from(KINDS)
# Most operations are one statement; a person's reply that takes over is thirteen with its BEGIN and COMMIT.
statements = st.just(0) | st.integers(0, 3) | st.integers(0, 9)
cuts = st.none() | st.builds(Cut, statements, st.sampled_from(When))


class SpineMachine(RuleBasedStateMachine):
    world: World

    def __init__(self) -> None:
        super().__init__()
        self.world.begin_example()

    @initialize(threads=st.lists(st.integers(0, 11), min_size=1, max_size=3, unique=True), messages=st.integers(1, 4))
    def customers_write(self, threads: list[int], messages: int) -> None:
        self.cast = Cast(self.world, threads)
        for number in range(messages):
            self.world.play(self.cast.accept(number))

    @rule(pick=picks, cut=cuts)
    def accept(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.accept(pick), cut)

    @rule(cut=cuts)
    def spam(self, cut: Cut | None) -> None:
        self.world.play(self.cast.channels.spam(), cut)

    @rule(pick=picks, cut=cuts)
    def let_go(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.people.release(pick), cut)

    @rule(pick=picks, cut=cuts)
    def discard(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.people.discard(pick), cut)

    @rule(pick=picks, cut=cuts)
    def redeliver(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.channels.redeliver(pick), cut)

    @rule(pick=picks)
    def reuse_key(self, pick: int) -> None:
        self.world.play(self.cast.channels.reuse_key(pick))

    @rule(pick=picks, cut=cuts)
    def claim(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.workers.claim(pick), cut)

    @rule(pick=picks)
    def claim_and_gather(self, pick: int) -> None:
        self.cast.claim_and_gather(pick)

    @rule(pick=picks, escalating=flags, cut=cuts)
    def whole_turn(self, pick: int, escalating: bool, cut: Cut | None) -> None:
        with self.world.unaudited():
            self.cast.claim_and_gather(pick)
        self.world.play(self.cast.workers.commit(-1, escalating=escalating, allow_rerun=False), cut)

    @rule(pick=picks, variant=st.integers(0, 2), cut=cuts)
    def whole_delivery(self, pick: int, variant: int, cut: Cut | None) -> None:
        self.world.play(self.cast.couriers.claim_sends(pick % 4 + 1))
        if pick % 3:
            self.cast.couriers.send(-1)
        self.world.play(self.cast.couriers.record(-1, variant), cut)

    @rule(pick=picks, cut=cuts)
    def gather(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.workers.gather(pick), cut)

    @rule(pick=picks, escalating=flags, allow_rerun=flags, cut=cuts)
    def commit(self, pick: int, escalating: bool, allow_rerun: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.workers.commit(pick, escalating=escalating, allow_rerun=allow_rerun), cut)

    @rule(pick=picks, cut=cuts)
    def renew(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.workers.renew(pick), cut)

    @rule(pick=picks, cut=cuts)
    def release(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.workers.release(pick), cut)

    @rule(pick=picks, cause=st.sampled_from(FailureCause), cut=cuts)
    def fail(self, pick: int, cause: FailureCause, cut: Cut | None) -> None:
        self.world.play(self.cast.workers.fail(pick, cause), cut)

    @rule()
    def leases_expire(self) -> None:
        self.cast.expire_leases()

    @rule(pick=picks)
    def forget_a_holder(self, pick: int) -> None:
        """A worker that died: nobody will use its claim again."""
        if holders := self.world.model.holders:
            holders.pop(pick % len(holders))

    @rule(pick=picks, operator=flags, cut=cuts)
    def take(self, pick: int, operator: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.people.take(pick, operator), cut)

    @rule(pick=picks, operator=flags, cut=cuts)
    def reply(self, pick: int, operator: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.people.reply(pick, operator), cut)

    @rule(pick=picks, operator=flags, cut=cuts)
    def hand_back(self, pick: int, operator: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.people.hand_back(pick, operator), cut)

    @rule(pick=picks, operator=flags, cut=cuts)
    def resolve(self, pick: int, operator: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.people.resolve(pick, operator), cut)

    @rule(pick=picks, easily_upset=flags, cut=cuts)
    def close(self, pick: int, easily_upset: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.carers.close(pick, easily_upset=easily_upset), cut)

    @rule(pick=picks, variant=picks)
    def close_after_everything_was_sent(self, pick: int, variant: int) -> None:
        with self.world.unaudited():
            self.cast.finish(pick)
        self.world.play(self.cast.carers.close(pick, easily_upset=variant % 3 == 0))

    @rule(pick=picks, cut=cuts)
    def remind(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.carers.remind(pick), cut)

    @rule(pick=picks, solved=flags, cut=cuts)
    def answer_survey(self, pick: int, solved: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.carers.answer(pick, solved=solved), cut)

    @rule(other=kinds, pick=picks, variant=picks, waits=flags)
    def race_with_a_close(self, other: str, pick: int, variant: int, waits: bool) -> None:
        with self.world.unaudited():
            self.cast.finish(pick)
        close = self.cast.carers.close(pick, easily_upset=variant % 3 == 0)
        self._race(close, self.cast.operation(other, pick, variant), waits)

    @rule()
    def resolved_conversations_age(self) -> None:
        """Their threads' next messages open new conversations."""
        self.world.side_statement(
            "UPDATE conversations SET resolved_at = resolved_at - interval '73 hours', "
            "created_at = created_at - interval '73 hours' WHERE state = 'resolved'"
        )

    @rule(pick=picks, other=picks, cut=cuts)
    def merge(self, pick: int, other: int, cut: Cut | None) -> None:
        self.world.play(self.cast.people.merge(pick, other), cut)

    @rule(pick=picks, cut=cuts)
    def unmerge(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.people.unmerge(pick), cut)

    @rule(pick=picks, cut=cuts)
    def confirm(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.owners.confirm(pick), cut)

    @rule(pick=picks, cut=cuts)
    def decline(self, pick: int, cut: Cut | None) -> None:
        self.world.play(self.cast.owners.decline(pick), cut)

    @rule(pick=picks, which=st.integers(0, 2), cut=cuts)
    def answer_mail_that_nobody_vouches_for(self, pick: int, which: int, cut: Cut | None) -> None:
        """What the FTE writes is held, or leaves on the word of an earlier confirmation."""
        self.world.play(self.cast.channels.accept(FIRST_UNPROVEN + which), cut)
        with self.world.unaudited():
            self.cast.claim_and_gather(-1 - pick % 3)
        self.world.play(self.cast.workers.commit(-1, escalating=False, allow_rerun=False), cut)

    @rule(pick=picks, other=kinds, variant=picks, refusing=flags, waits=flags)
    def race_with_the_owner_of_held_mail(
        self, pick: int, other: str, variant: int, refusing: bool, waits: bool
    ) -> None:
        with self.world.unaudited():
            self.world.play(self.cast.channels.accept(FIRST_UNPROVEN + pick % 3))
            self.cast.claim_and_gather(-1)
            self.world.play(self.cast.workers.commit(-1, escalating=False, allow_rerun=False))
        owners = self.cast.owners
        answer = owners.decline(-1) if refusing else owners.confirm(-1)
        self._race(answer, self.cast.operation(other, pick, variant), waits)

    @rule()
    def requests_to_confirm_expire(self) -> None:
        self.cast.expire_requests()

    @rule()
    def remembered_paths_expire(self) -> None:
        self.cast.forget_paths()

    @rule(pick=picks, other=kinds, variant=picks, waits=flags)
    def race_with_a_confirmation(self, pick: int, other: str, variant: int, waits: bool) -> None:
        confirm = self.cast.owners.confirm(pick)
        self._race(confirm, self.cast.operation(other, pick, variant), waits)

    @rule(pick=picks, other=kinds, variant=picks, waits=flags)
    def race_with_the_end_of_a_merge(self, pick: int, other: str, variant: int, waits: bool) -> None:
        unmerge = self.cast.people.unmerge(pick)
        self._race(unmerge, self.cast.operation(other, pick, variant), waits)

    @rule(pick=picks)
    def opt_out(self, pick: int) -> None:
        """At the provider, of which we only hear."""
        self.world.side_statement(
            "SELECT record_provider_opt_out(identifier_id) FROM customer_identifiers "
            "ORDER BY identifier_id OFFSET $1 LIMIT 1",
            pick,
        )
        self.world.observe()

    @rule(pick=picks, opted_out=flags, cut=cuts)
    def speak_of_consent(self, pick: int, opted_out: bool, cut: Cut | None) -> None:
        self.world.play(self.cast.channels.speak_of_consent(pick, opted_out=opted_out), cut)

    @rule(pick=picks, variant=st.integers(0, 2), cut=cuts)
    def report(self, pick: int, variant: int, cut: Cut | None) -> None:
        self.world.play(self.cast.couriers.report(pick, variant), cut)

    @rule(limit=st.integers(1, 4), cut=cuts)
    def claim_sends(self, limit: int, cut: Cut | None) -> None:
        self.world.play(self.cast.couriers.claim_sends(limit), cut)

    @rule(pick=picks)
    def send(self, pick: int) -> None:
        self.cast.couriers.send(pick)

    @rule(pick=picks, variant=st.integers(0, 2), cut=cuts)
    def record(self, pick: int, variant: int, cut: Cut | None) -> None:
        self.world.play(self.cast.couriers.record(pick, variant), cut)

    @rule()
    def send_leases_expire(self) -> None:
        self.cast.expire_send_leases()

    @rule()
    def sends_fall_due(self) -> None:
        self.cast.make_sends_due()

    @rule(one=kinds, other=kinds, pick=picks, other_pick=picks, variant=picks, skip=st.integers(0, 2))
    def race(self, one: str, other: str, pick: int, other_pick: int, variant: int, skip: int) -> None:
        """One operation waits before a commit with its locks taken while another meets them."""
        first = self.cast.operation(one, pick, variant)
        self.world.race(first, self.cast.operation(other, other_pick, variant + 1), skip)

    @rule(other=kinds, pick=picks, variant=picks, waits=flags)
    def race_with_a_commit(self, other: str, pick: int, variant: int, waits: bool) -> None:
        with self.world.unaudited():
            self.cast.claim_and_gather(pick)
        commit = self.cast.workers.commit(-1, escalating=variant % 5 == 0, allow_rerun=variant % 2 == 0)
        self._race(commit, self.cast.operation(other, pick, variant), waits)

    @rule(other=kinds, pick=picks, variant=picks, waits=flags)
    def race_with_an_accept(self, other: str, pick: int, variant: int, waits: bool) -> None:
        accept = self.cast.accept(pick)
        self._race(accept, self.cast.operation(other, pick, variant), waits)

    @rule(other=kinds, pick=picks, variant=picks, skip=st.integers(0, 1))
    def race_with_a_delivery(self, other: str, pick: int, variant: int, skip: int) -> None:
        self.world.play(self.cast.couriers.claim_sends(1))
        self.world.race(self.cast.couriers.record(-1, variant), self.cast.operation(other, pick, variant), skip)

    def _race(self, one: Operation | None, other: Operation | None, waits: bool) -> None:
        self.world.race(*((one, other) if waits else (other, one)), 0)

    def teardown(self) -> None:
        if sys.exc_info()[0] is None:  # an example that ends early leaves nothing to judge
            self.cast.settle()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    world = World(database_url)
    yield world
    world.close()


@pytest.mark.timeout(0)
def test_spine_keeps_its_invariants_whatever_happens_in_whatever_order(
    world: World, pytestconfig: pytest.Config
) -> None:
    class Machine(SpineMachine):
        pass

    Machine.world = world
    assert settings.default is not None
    seeded = pytestconfig.getoption("--hypothesis-seed") is not None
    run_state_machine_as_test(
        Machine,
        settings=settings(
            derandomize=settings.default.derandomize and not seeded,
            max_examples=2 * settings.default.max_examples,
            stateful_step_count=40,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )
