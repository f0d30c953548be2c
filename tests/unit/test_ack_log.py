"""Times of accepted messages: written in batches, kept through an outage, never without bound."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agent.errors import DatabaseAway
from agent.records import Channel
from deployments.web.ack_log import Ack, AckLog


class Table:
    """Refuses the first `outages` writes."""

    def __init__(self, outages: int = 0) -> None:
        self._outages = outages
        self.batches: list[Sequence[Ack]] = []
        self.wrote = asyncio.Event()

    async def write(self, acks: Sequence[Ack]) -> None:
        if self._outages > 0:
            self._outages -= 1
            raise DatabaseAway("away")
        self.batches.append(acks)
        self.wrote.set()


async def test_times_of_a_while_are_one_batch() -> None:
    table = Table()
    log = AckLog(table.write, period_s=0.01)
    for number in range(10):
        log.record(Channel.WEB_FORM, float(number))
    await asyncio.wait_for(table.wrote.wait(), 60)
    assert table.batches == [[(Channel.WEB_FORM, float(number)) for number in range(10)]]
    await log.close()


async def test_outage_delays_the_times_and_keeps_their_order() -> None:
    table = Table(outages=2)
    log = AckLog(table.write, period_s=0.01)
    log.record(Channel.WEB_FORM, 1.0)
    await asyncio.sleep(0)
    log.record(Channel.WEB_FORM, 2.0)
    await asyncio.wait_for(table.wrote.wait(), 60)
    assert table.batches == [[(Channel.WEB_FORM, 1.0), (Channel.WEB_FORM, 2.0)]]
    await log.close()


async def test_long_outage_does_not_fill_the_memory() -> None:
    table = Table(outages=1)
    log = AckLog(table.write, period_s=60)
    for number in range(20_000):
        log.record(Channel.WEB_FORM, float(number))
    await log.close()  # the write that fails
    log.record(Channel.WEB_FORM, -1.0)
    await log.close()
    (batch,) = table.batches
    assert len(batch) == 5_000


async def test_closing_writes_what_is_left_and_twice_is_once() -> None:
    table = Table()
    log = AckLog(table.write, period_s=60)
    log.record(Channel.EMAIL, 3.0)
    await log.close()
    await log.close()
    assert table.batches == [[(Channel.EMAIL, 3.0)]]
