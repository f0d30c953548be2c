"""Accept: its latency beside running agents, with the queue backed up, and its peak rate."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence

from load.bare_endpoint import ROUTE, with_bare_endpoint
from load.figures import Figures, Recorded, stage_table
from load.form_client import FormClient, submission
from load.open_loop import Sample, run_open_loop
from load.percentiles import percentiles
from load.results import Figure, Section, Table
from load.settling import drain
from load.system import System, serve_client_of
from load.waiting import wait_until
from serve_app.render import serve_config

RATE_PER_S = 50.0
_ACK_S = 20.0
_PEAK_S = 6.0
_PEAK_CONNECTIONS = 32
_BACKLOG_FACTOR = 10
_HOLD_MS = 3_600_000
_RELEASE_EVERY_S = 0.05
_DRAIN_PATIENCE_S = 60.0
_UNDER_WAY = 200


async def measure_accept(
    system: System,
    texts: Sequence[str],
    *,
    sustained_per_s: float,
    usually_queued: int,
    progress: Callable[[str], None],
) -> Section:
    """`usually_queued`: messages in the system at the sustained rate; ten times as many are a backed-up queue."""
    figures = Figures(system.database)
    progress("accept beside the agents")
    await drain(system, _DRAIN_PATIENCE_S)
    beside, recorded, turns_per_s = await beside_agents(
        system, texts, sustained_per_s / 2, lambda: _acknowledge(system, texts), during_s=_ACK_S
    )
    progress("peak of the bare endpoint and of accept")
    peaks = await _peaks(system, figures, texts)
    progress("accept with the queue backed up")
    depth = max(_BACKLOG_FACTOR * usually_queued, await figures.queued())
    await _fill(system, figures, texts, depth)
    await figures.hold_work("web_form", 0)
    mark = await figures.mark()
    await figures.release_work()
    # The release rewrites every row of the queue at once, which no real backlog does: it must be over.
    if not await wait_until(lambda: _ended(figures, mark, _UNDER_WAY), _DRAIN_PATIENCE_S):
        raise TimeoutError(f"{_UNDER_WAY} turns of a full queue did not end within {_DRAIN_PATIENCE_S:g} s")
    before = await figures.queued()
    backed_up = await _acknowledge(system, texts)
    after = await figures.queued()
    return Section(
        name="accept",
        title="Accepting messages",
        method=(
            f"POST /support/submit with new customers, open loop at {RATE_PER_S:g}/s for {_ACK_S:g} s, latency from "
            f"the scheduled time. Beside the agents: these submissions wait, while {turns_per_s:.1f} turns/s of "
            f"messages stored before run, half of the sustained {sustained_per_s:.1f}/s. Backed up: every submission "
            f"is a turn too, and the agents run as fast as they can, while at least {min(before, after)} "
            f"messages wait, from the {_UNDER_WAY}th turn on. Peak: {_PEAK_CONNECTIONS} connections, closed loop, "
            "turns held back, alternating with an endpoint in the same Serve that parses and returns the same body."
        ),
        figures=(
            _ack_figure("ack p99 at 50/s beside the agents", beside),
            _ack_figure(f"ack p99 at 50/s with {before} queued", backed_up),
            Figure("peak accept", peaks["accept"], "/s"),
            Figure("peak of the bare endpoint", peaks["bare"], "/s"),
            Figure("peak accept over bare endpoint", peaks["accept"] / peaks["bare"], "", at_least=1 / 3),
        ),
        tables=(
            Table(
                "Acknowledgements, ms from the scheduled time",
                ("run", "requests", "refused", "p50", "p95", "p99", "max", "generator late, p99"),
                (_ack_row("beside the agents", beside), _ack_row("queue backed up", backed_up)),
            ),
            stage_table("Stages of the turns of that run", {"beside 50 submissions/s": recorded}),
        ),
    )


async def beside_agents(
    system: System,
    texts: Sequence[str],
    turns_per_s: float,
    acknowledge: Callable[[], Awaitable[list[Sample]]],
    *,
    during_s: float,
    held: Sequence[str] = ("web_form",),
) -> tuple[list[Sample], Recorded, float]:
    """What comes on the channels `held` waits, and what was stored before is released at `turns_per_s`: both rates are
    exact.

    Returns also the turns a second that ended in that time.
    """
    figures = Figures(system.database)
    for channel in held:
        await figures.hold_work(channel, _HOLD_MS)
    await _fill(system, figures, texts, math.ceil(turns_per_s * during_s))
    mark = await figures.mark()
    began = time.perf_counter()
    releasing = asyncio.create_task(_release_at(figures, turns_per_s))
    try:
        samples = await acknowledge()
    finally:
        releasing.cancel()
        await asyncio.wait([releasing])
    elapsed_s = time.perf_counter() - began
    recorded = await figures.recorded_since(mark)
    return samples, recorded, len(recorded.turns) / elapsed_s


async def _release_at(figures: Figures, per_s: float) -> None:
    """Release held messages evenly, for ever."""
    began, released = time.perf_counter(), 0
    while True:
        missing = int((time.perf_counter() - began) * per_s) - released
        if missing > 0:
            await figures.release_oldest(missing)
            released += missing
        await asyncio.sleep(_RELEASE_EVERY_S)


async def _ended(figures: Figures, mark: int, count: int) -> bool:
    return len((await figures.recorded_since(mark)).turns) >= count


async def _acknowledge(system: System, texts: Sequence[str]) -> list[Sample]:
    async with system.client() as http:
        customers = FormClient(http)

        async def send(number: int) -> bool:
            return await customers.submit(texts[number % len(texts)]) is not None

        return await run_open_loop(send, RATE_PER_S, _ACK_S)


async def _peaks(system: System, figures: Figures, texts: Sequence[str]) -> dict[str, float]:
    """Requests a second of both endpoints, twice each in turn; the better of each counts."""
    await figures.hold_work("web_form", _HOLD_MS)
    serve = serve_client_of(system)
    config = with_bare_endpoint(serve_config("127.0.0.1", system.port, log_level="WARNING"))
    await asyncio.to_thread(serve.put, config)
    await asyncio.to_thread(serve.wait_until_running, "bare", 60.0, lambda _: None)
    best = {"bare": 0.0, "accept": 0.0}
    for _ in range(2):
        for name, path in (("bare", f"{ROUTE}/submit"), ("accept", "/support/submit")):
            best[name] = max(best[name], await _peak(system, path, texts))
    return best


async def _peak(system: System, path: str, texts: Sequence[str]) -> float:
    async with system.client(_PEAK_CONNECTIONS) as http:

        async def send(text: str) -> bool:
            key = secrets.token_hex(12)
            try:
                answer = await http.request("POST", path, submission(key, text), {"Idempotency-Key": key})
            except (OSError, TimeoutError):
                return False
            return answer.status == 201 and "message" in json.loads(answer.body)

        await run_closed_loop(send, texts, _PEAK_CONNECTIONS, 1.0)
        good, elapsed_s = await run_closed_loop(send, texts, _PEAK_CONNECTIONS, _PEAK_S)
        return good / elapsed_s


async def _fill(system: System, figures: Figures, texts: Sequence[str], depth: int) -> None:
    missing = depth - await figures.queued()
    if missing <= 0:
        return
    async with system.client(_PEAK_CONNECTIONS) as http:
        customers = FormClient(http)
        for start in range(0, missing, _PEAK_CONNECTIONS):
            count = min(_PEAK_CONNECTIONS, missing - start)
            await asyncio.gather(*(customers.submit(texts[(start + n) % len(texts)]) for n in range(count)))


async def run_closed_loop(
    send: Callable[[str], Awaitable[bool]], texts: Sequence[str], workers: int, duration_s: float
) -> tuple[int, float]:
    """`workers` send one after the other for `duration_s`; returns good answers and the time until the last."""
    supply = itertools.cycle(texts)
    began = time.perf_counter()

    async def work() -> int:
        good = 0
        while time.perf_counter() - began < duration_s:
            good += await send(next(supply))
        return good

    good = sum(await asyncio.gather(*(work() for _ in range(workers))))
    return good, time.perf_counter() - began


def _ack_figure(name: str, samples: Sequence[Sample]) -> Figure:
    return Figure(name, percentiles([sample.latency_s * 1000 for sample in samples]).p99, "ms", at_most=50.0)


def _ack_row(name: str, samples: Sequence[Sample]) -> tuple[str | float | int, ...]:
    latency = percentiles([sample.latency_s * 1000 for sample in samples])
    late = percentiles([sample.late_s * 1000 for sample in samples])
    refused = sum(not sample.ok for sample in samples)
    return (name, latency.count, refused, latency.p50, latency.p95, latency.p99, latency.max, late.p99)
