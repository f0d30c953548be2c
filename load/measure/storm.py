"""Ten thousand webhooks over all channels while replicas are killed: nothing lost, nothing answered twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import islice

from crm.audit import audit
from load.chaos.schedule import make_schedule
from load.chaos.strikes import Addresses, Kill, Striker
from load.chaos.victims import REPLICAS, Kind, Victims
from load.figures import Figures
from load.percentiles import percentiles
from load.providers import Providers
from load.results import Figure, Section, Table
from load.sent_log import SentLine
from load.settling import drain
from load.storm import Posted, Storm, make_plan
from load.system import System, serve_client_of
from load.waiting import wait_until

WEBHOOKS = 10_000
DUPLICATES = 0.3
_KINDS = (*REPLICAS, Kind.LOCK)
_PAUSES_S = (1.0, 3.0)
_BACK_PATIENCE_S = 90.0
_ANSWER_PATIENCE_S = 300.0


async def measure_storm(
    system: System,
    texts: Sequence[str],
    before: Sequence[SentLine],
    progress: Callable[[str], None],
    *,
    seed: int,
    webhooks: int = WEBHOOKS,
) -> Section:
    """`before`: all that was sent to this system already, so that whatever else it holds is a finding."""
    plan = make_plan(texts, webhooks, DUPLICATES, seed)
    unique = len(set(plan))
    figures = Figures(system.database)
    mark = await figures.mark()
    storm = Storm(Providers(system), plan)
    addresses = Addresses(f"http://127.0.0.1:{system.port}/", system.dsn, serve_client_of(system))
    striker = Striker(Victims(system.home), addresses, _BACK_PATIENCE_S, lambda kill: None)
    progress(f"{webhooks:,} webhooks, {len(_KINDS)} kinds of processes killed")
    began = time.perf_counter()
    try:
        striking = asyncio.create_task(_strike_each(striker, seed))
        async with system.client(storm.connections) as http:
            await storm.run(http)
        acknowledged_s = time.perf_counter() - began
        await striking
        progress("until everything is answered")
        settled = await _everything_answered(system, figures, unique + len(before))
        answered_s = time.perf_counter() - began
        await striker.settle()
    finally:
        await striker.close()
    threads = await figures.thread_keys()
    sent = [*storm.sent(), *(line.as_message(threads) for line in before)]
    found = await audit(system.database, sent, settled=settled, complete=True)
    recorded = await figures.recorded_since(mark)
    findings = [*found.findings, *_not_back(striker.kills)]
    return Section(
        name="storm",
        title=f"A storm of {webhooks:,} webhooks",
        method=(
            f"{unique:,} messages, a third each by WhatsApp, mail and the form, and {webhooks - unique:,} repetitions, "
            f"shuffled (seed {seed}); {storm.connections} connections post them signed, and each again until it has a "
            f"2xx. Meanwhile one process of each of {len(_KINDS)} kinds is killed with kill -9. One auditor then "
            "compares what was posted with all that is stored."
        ),
        figures=(
            Figure("findings of the auditor, and processes that did not come back", len(findings), "", at_most=0),
            Figure("webhooks until all were acknowledged", len(storm.posted) / acknowledged_s, "/s"),
            Figure("until everything was answered", answered_s, "s"),
            Figure("replies, one for each burst of a conversation", len(recorded.delivered_end_to_end), ""),
            Figure("processes killed", sum(kill.pid > 0 for kill in striker.kills), ""),
        ),
        tables=(
            Table(
                "Acknowledgements under kills, ms from the first try",
                ("channel", "webhooks", "tried again", "p50", "p95", "p99", "max"),
                tuple(_row(channel, storm.posted) for channel in sorted({each.channel for each in storm.posted})),
            ),
            Table("Findings", ("finding",), tuple((finding,) for finding in findings[:20])),
        ),
    )


async def _everything_answered(system: System, figures: Figures, messages: int) -> bool:
    """Also what a push has told of and no sync has read yet."""

    async def stored() -> bool:
        return await figures.inbound() >= messages

    return await wait_until(stored, _ANSWER_PATIENCE_S) and await drain(system, _ANSWER_PATIENCE_S)


async def _strike_each(striker: Striker, seed: int) -> None:
    for strike in islice(make_schedule(_KINDS, seed, pauses_s=_PAUSES_S, overlap=1.0), len(_KINDS)):
        await striker.strike(strike)


def _not_back(kills: Sequence[Kill]) -> list[str]:
    return [f"{kill.kind} (process {kill.pid}) did not come back" for kill in kills if kill.back_s is None]


def _row(channel: str, posted: Sequence[Posted]) -> tuple[str | float | int, ...]:
    mine = [each for each in posted if each.channel == channel]
    ack = percentiles([1000 * each.ack_s for each in mine])
    return (channel, ack.count, sum(each.tries > 1 for each in mine), ack.p50, ack.p95, ack.p99, ack.max)
