"""What couriers do: claim, send, and record what the provider made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agent.records import DeliveryReport, OutboxItem, OutboxKind, ReportedEnd
from crm.database import Database
from crm.outbox import Outbox
from tests.integration.machine.actor import Actor, choose
from tests.integration.machine.model import Lane, Operation, Outcome, Parcel


class Couriers(Actor):
    def claim_sends(self, limit: int) -> Operation:
        def expect(items: Outcome) -> None:
            assert len({_lane(item) for item in items}) == len(items)
            if len(items) < limit:
                idle_s = self._world.do(Outbox(self._world.clean).seconds_until_due())
                assert idle_s is None or idle_s > 0, "nothing can be sent, and yet the courier would look again at once"

        def absorb(items: Outcome) -> None:
            if not isinstance(items, Exception):
                self.model.parcels += [Parcel(item) for item in items]

        return Operation(lambda database: Outbox(database).claim(limit), expect, absorb)

    def send(self, pick: int) -> None:
        """The request reaches the provider, whatever becomes of the answer."""
        parcel = choose([p for p in self.model.parcels if p.live and not p.delivered and not p.item.was_unknown], pick)
        if parcel is None:
            return
        item = parcel.item
        assert item.send_token not in self.model.delivered, "one reply was delivered twice"
        before = self.model.delivered_in.setdefault(_lane(item), [])
        assert all(outbox_id < item.outbox_id for outbox_id in before), "a reply overtook an earlier one"
        before.append(item.outbox_id)
        self.model.delivered[item.send_token] = item.outbox_id
        parcel.delivered = True

    def record(self, pick: int, variant: int) -> Operation | None:
        """What the courier makes of the provider's answer, true to what happened there."""
        parcel = choose(self.model.parcels, pick)
        if parcel is None:
            return None
        parcel.live = False
        item = parcel.item

        def expect(_: Outcome) -> None:
            self.model.parcels.remove(parcel)
            self._world.observe()  # a failed send escalates its conversation, which the auditor sees

        if item.was_unknown:
            found = item.send_token in self.model.delivered
            return Operation(_record_sent(item) if found else lambda db: Outbox(db).record_not_found(item), expect)
        if parcel.delivered:
            return Operation(
                _record_sent(item) if variant else lambda db: Outbox(db).record_unknown(item, "late"), expect
            )
        return Operation(
            (
                lambda db: Outbox(db).record_retry(item, "503"),
                lambda db: Outbox(db).record_failed(item, "refused"),
                lambda db: Outbox(db).record_unknown(item, "timeout"),
            )[variant % 3],
            expect,
        )

    def report(self, pick: int, variant: int) -> Operation | None:
        """What the provider says later of something that it took, in any order and again and again."""
        token = choose(sorted(self.model.delivered), pick)
        if token is None:
            return None
        status, rank = (("sent", 10), ("delivered", 11), ("failed", 22))[variant % 3]
        end = ReportedEnd.FAILED if status == "failed" else None
        report = DeliveryReport(
            self.model.delivered[token], 0, f"provider-{token}", status, rank, end=end, summary="It failed."
        )
        return Operation(lambda database: Outbox(database).record_report(report), lambda _: self._world.observe())


def _lane(item: OutboxItem) -> Lane:
    """What is delivered in order: a conversation's messages, and apart from them what goes by mail beside it."""
    return item.conversation_id, item.kind is OutboxKind.MESSAGE


def _record_sent(item: OutboxItem) -> Callable[[Database], Awaitable[int]]:
    return lambda database: Outbox(database).record_sent([(item, f"provider-{item.send_token}")])
