"""A thousand open conversations with a slow language model: nothing lost, and what the system itself adds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from crm.audit import audit
from load.crowd import Crowd
from load.figures import Figures, stage_table
from load.form_client import FormClient
from load.measure.sustained import measure_sustained
from load.percentiles import percentiles
from load.results import Figure, Section, Table
from load.settling import drain
from load.system import System

CONVERSATIONS = 1000
MODEL_LATENCY_S = 1.5
_SHARE = 0.6
_UNANSWERED = 250
_WARM_S = 35.0
_MEASURE_S = 12.0
_LONGEST_RUN_S = 100.0


async def measure_conversations(system: System, texts: Sequence[str], progress: Callable[[str], None]) -> Section:
    """`system` must answer with the stub model of `MODEL_LATENCY_S`."""
    progress("sustained rate with the slow model")
    sustained = await measure_sustained(system, texts, unanswered=_UNANSWERED, warm_s=_WARM_S, measure_s=_MEASURE_S)
    await drain(system, 30)
    figures = Figures(system.database)
    mark = await figures.mark()
    per_s = _SHARE * sustained.replies_per_s
    think_s = max(1.0, CONVERSATIONS / per_s - MODEL_LATENCY_S)
    duration_s = min(1.6 * think_s, _LONGEST_RUN_S)
    progress(f"{CONVERSATIONS} conversations at {per_s:.0f} messages/s for {duration_s:.0f} s")
    async with system.client(128) as http:
        form = FormClient(http)
        crowd = Crowd(form, texts, CONVERSATIONS, think_s)
        await asyncio.wait_for(crowd.run(duration_s), duration_s + 60)
    settled = await drain(system, 60)
    threads = await figures.thread_keys()
    sent = [line.as_message(threads) for line in form.sent]
    found = await audit(system.database, sent, settled=settled)
    recorded = await figures.recorded_since(mark)
    own = percentiles([turn.turn_ms - turn.stages.get("model", 0.0) for turn in recorded.turns])
    wait = percentiles([turn.stages.get("queue_wait", 0.0) for turn in recorded.turns])
    whole = percentiles(recorded.delivered_end_to_end)
    tally = crowd.tally
    lost = tally.messages - len(recorded.delivered_end_to_end)
    return Section(
        name="conversations",
        title=f"{CONVERSATIONS:,} open conversations, a model that takes {MODEL_LATENCY_S:g} s",
        method=(
            f"A stub language model on loopback that takes {MODEL_LATENCY_S:g} s a call. First the sustained rate with "
            f"it ({sustained.replies_per_s:.1f} replies/s), then {_SHARE:.0%} of that: each customer writes, waits for "
            f"the reply, thinks {think_s:.0f} s on average, writes on. Turn time is from asking for the lock to the "
            "commit; the wait in the queue is apart. One auditor then compares what was sent with what is stored."
        ),
        figures=(
            Figure("messages without an outcome, or findings of the auditor", len(found.findings), "", at_most=0),
            Figure("turn time minus model time, p95", own.p95, "ms", at_most=300.0),
            Figure("sustained with the slow model", sustained.replies_per_s, "replies/s"),
            Figure("conversations opened", tally.conversations, ""),
            Figure("messages sent", tally.messages, ""),
            Figure("messages without a delivered reply of their own (bursts share one)", lost, ""),
        ),
        tables=(
            Table(
                "Milliseconds",
                ("what", "turns", "p50", "p95", "p99", "max"),
                (
                    ("turn minus model", own.count, own.p50, own.p95, own.p99, own.max),
                    ("wait in the queue", wait.count, wait.p50, wait.p95, wait.p99, wait.max),
                    ("accept to delivered", whole.count, whole.p50, whole.p95, whole.p99, whole.max),
                ),
            ),
            stage_table("Stages", {"Serve with the slow model": recorded}),
            Table("Findings", ("finding",), tuple((finding,) for finding in found.findings[:20])),
        ),
    )
