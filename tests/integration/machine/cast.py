"""Everyone who acts on the system, and how they bring it to its end."""

from __future__ import annotations

from collections.abc import Callable

from agent.records import FailureCause
from crm.work import WorkQueue
from tests.integration.machine.carers import Carers
from tests.integration.machine.channels import Channels
from tests.integration.machine.couriers import Couriers
from tests.integration.machine.model import Operation
from tests.integration.machine.owners import Owners
from tests.integration.machine.people import People
from tests.integration.machine.workers import Workers
from tests.integration.machine.world import World

_ROUNDS = 60
_CAUSES = tuple(FailureCause)
KINDS = (
    *(
        "accept",
        "accept_elsewhere",
        "spam",
        "redeliver",
        "stop",
        "start",
        "claim",
        "gather",
        "commit",
        "escalate",
        "renew",
        "release",
        "fail",
        "fail_message",
    ),
    *("take", "reply", "hand_back", "resolve", "let_go", "discard", "merge", "unmerge"),
    *("confirm", "decline"),
    *("close", "remind", "survey_yes", "survey_no"),
    *("claim_sends", "record_sent", "record", "record_failed", "report"),
)


class Cast:
    """`threads` are the few in use, so that what happens meets."""

    def __init__(self, world: World, threads: list[int]) -> None:
        self.world = world
        self._threads = threads
        self.channels = Channels(world)
        self.workers = Workers(world)
        self.people = People(world)
        self.owners = Owners(world)
        self.carers = Carers(world)
        self.couriers = Couriers(world)

    def accept(self, pick: int) -> Operation:
        return self.channels.accept(self._threads[pick % len(self._threads)])

    def claim_and_gather(self, pick: int) -> None:
        self.world.play(self.workers.claim(pick))
        self.world.play(self.workers.gather(-1))

    def operation(self, kind: str, pick: int, variant: int) -> Operation | None:
        """An operation of a kind, or None where there is nothing to do it to.

        `pick` counts threads, customers and conversations from the first, claims and sends from the newest.
        """
        newest = -1 - pick
        channels, workers, people, couriers = self.channels, self.workers, self.people, self.couriers
        builders: dict[str, Callable[[], Operation | None]] = {
            "accept": lambda: self.accept(pick),
            "accept_elsewhere": lambda: self.accept(pick + 2),
            "spam": channels.spam,
            "redeliver": lambda: channels.redeliver(pick),
            "stop": lambda: channels.speak_of_consent(pick, opted_out=True),
            "start": lambda: channels.speak_of_consent(pick, opted_out=False),
            "claim": lambda: workers.claim(pick),
            "gather": lambda: workers.gather(newest),
            "commit": lambda: workers.commit(newest, escalating=False, allow_rerun=variant % 2 == 0),
            "escalate": lambda: workers.commit(newest, escalating=True, allow_rerun=False),
            "renew": lambda: workers.renew(newest),
            "release": lambda: workers.release(newest),
            "fail": lambda: workers.fail(newest, _CAUSES[variant % 3]),
            "fail_message": lambda: workers.fail(newest, FailureCause.MESSAGE),
            "take": lambda: people.take(pick, variant),
            "reply": lambda: people.reply(pick, variant),
            "hand_back": lambda: people.hand_back(pick, variant),
            "resolve": lambda: people.resolve(pick, variant),
            "let_go": lambda: people.release(pick),
            "discard": lambda: people.discard(pick),
            "merge": lambda: people.merge(pick + variant % 2, pick + 1 - variant % 2),
            "unmerge": lambda: people.unmerge(pick),
            "confirm": lambda: self.owners.confirm(pick),
            "decline": lambda: self.owners.decline(pick),
            "close": lambda: self.carers.close(pick, easily_upset=variant % 3 == 0),
            "remind": lambda: self.carers.remind(pick),
            "survey_yes": lambda: self.carers.answer(pick, solved=True),
            "survey_no": lambda: self.carers.answer(pick, solved=False),
            "claim_sends": lambda: couriers.claim_sends(variant % 4 + 1),
            "record_sent": lambda: self._send_and_record(newest),
            "record": lambda: couriers.record(newest, variant % 3),
            "record_failed": lambda: couriers.record(newest, 1),
            "report": lambda: couriers.report(pick, variant),
        }
        assert tuple(builders) == KINDS
        return builders[kind]()

    def _send_and_record(self, pick: int) -> Operation | None:
        self.couriers.send(pick)
        return self.couriers.record(pick, 1)

    def expire_leases(self) -> None:
        self.world.side_statement(
            "UPDATE work SET lease_until = clock_timestamp() - interval '1 s' WHERE lease_until IS NOT NULL"
        )

    def expire_send_leases(self) -> None:
        """Their couriers know it: nothing is sent under a lease that is over."""
        for parcel in self.world.model.parcels:
            parcel.live = False
        self.world.side_statement("UPDATE outbox SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL")

    def expire_requests(self) -> None:
        """Nobody answered the requests to confirm for days."""
        self.world.side_statement(
            "UPDATE confirmations SET created_at = created_at - interval '4 days' WHERE state = 'asked'"
        )

    def forget_paths(self) -> None:
        """What was confirmed is long ago; what already left on its word did so before."""
        self.world.side_statement(
            "UPDATE confirmations a SET created_at = created_at - interval '31 days', "
            "ended_at = ended_at - interval '31 days' "
            "WHERE state = 'confirmed' AND NOT EXISTS (SELECT FROM outbox o WHERE o.remembered_by = a.confirmation_id)"
        )

    def make_sends_due(self) -> None:
        self.world.side_statement("UPDATE outbox SET due_at = clock_timestamp() WHERE finished_at IS NULL")

    def settle(self) -> None:
        """Without faults everything comes to its end, and every message has exactly one."""
        self.world.model.holders.clear()
        with self.world.unaudited():
            for pick in range(len(self.world.model.conversations)):
                self.world.play(self.people.release(pick))
            for _ in range(_ROUNDS):
                if not self._work_off():
                    break
            else:
                raise AssertionError(f"work or sends remain after {_ROUNDS} rounds")
        self.world.check_end()

    def finish(self, pick: int) -> None:
        """Answer the customer of a conversation, and deliver all that there is."""
        self.claim_and_gather(pick)
        self.world.play(self.workers.commit(-1, escalating=False, allow_rerun=False))
        self.expire_send_leases()
        self.make_sends_due()
        self.world.model.parcels.clear()
        self._deliver()

    def _deliver(self) -> None:
        self.world.play(self.couriers.claim_sends(50))
        while self.world.model.parcels:
            self.couriers.send(0)
            self.world.play(self.couriers.record(0, 1))

    def _work_off(self) -> bool:
        """One round over everything that is due; whether anything remains."""
        model = self.world.model
        self.expire_leases()
        for pick in range(len(model.work)):
            self.claim_and_gather(pick)
            if model.holders:
                commit = self.workers.commit(0, escalating=False, allow_rerun=False)
                self.world.play(commit or self.workers.release(0))
                model.holders.clear()
        self.expire_send_leases()
        self.make_sends_due()
        model.parcels.clear()
        self._deliver()
        open_sends = self.world.side_statement(
            "SELECT FROM outbox WHERE finished_at IS NULL AND state <> 'held' LIMIT 1"
        )
        return bool(open_sends) or self.world.do(WorkQueue(self.world.clean).seconds_until_due()) is not None
