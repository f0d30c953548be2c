"""`python -m load.bench`: measures a system of its own against its targets and writes reports/bench.json and .html.

Sections can be measured alone with `--only`. It takes 25 minutes on two cores, and ends with status 1 only
when something could not be measured: a missed target is a figure, not a failure.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from load.console import Steps, print_result
from load.machine import describe_machine
from load.measure.accept import measure_accept
from load.measure.comparison import LENGTHS, UNANSWERED, Comparison
from load.measure.conversations import MODEL_LATENCY_S, measure_conversations
from load.measure.end_to_end import measure_end_to_end
from load.measure.memory import measure_memory
from load.measure.overhead import KNOWN_MODEL_S, OVERHEAD_LENGTHS, measure_overhead
from load.measure.search import measure_search
from load.measure.start import measure_start
from load.measure.storm import measure_storm
from load.measure.webhooks import measure_webhooks
from load.report_page import render_page
from load.results import Result
from load.settling import warm_up
from load.system import Workbench, workbench
from load.texts import messages_of
from models.tokens import load_token_counter
from serve_app.settings import CHECKOUT, DEFAULT_EMBEDDING_MODEL

SECTIONS = (
    "start", "end_to_end", "memory", "sustained", "accept", "webhooks", "conversations", "overhead", "storm", "search",
)  # fmt: skip
_SECTION_LIMIT_S = 600.0
# Of the turns of the comparison, so many take all lengths; the others settle the figure that varies most.
_TURNS_OF_ALL = 3
_SEED = 20


class Bench:
    """Runs the wanted sections; what cannot be measured is noted and the rest goes on."""

    def __init__(self, wanted: Set[str], steps: Steps) -> None:
        count_tokens = load_token_counter(DEFAULT_EMBEDDING_MODEL)
        self._texts = {
            tokens: messages_of(tokens, 200, count_tokens, _SEED) for tokens in {*LENGTHS, *OVERHEAD_LENGTHS}
        }
        self._wanted = wanted
        self._steps = steps
        self._comparison = Comparison()
        self.result = Result(datetime.now(UTC).isoformat(timespec="seconds"), describe_machine())

    async def run(self) -> None:
        async with workbench() as bench:
            if "start" in self._wanted:
                async with self._noting("start"):
                    self.result.sections.append(await measure_start(bench, self._steps.next))
            if self._wanted - {"start", "search", "conversations", "overhead", "storm"}:
                async with self._noting("the system"):
                    await self._measure_whole(bench)
            if "sustained" in self._wanted:
                async with self._noting("sustained"):
                    await self._compare(bench)
            if "conversations" in self._wanted:
                async with self._noting("conversations"):
                    await self._converse(bench)
            if "overhead" in self._wanted:
                async with self._noting("overhead"):
                    await self._measure_overhead(bench)
            if "storm" in self._wanted:
                async with self._noting("storm"):
                    await self._storm(bench)
        if "search" in self._wanted:
            async with self._noting("search"):
                self._steps.next("dense search over 100,000 chunks")
                self.result.sections.append(await measure_search(self._steps.next))

    async def _measure_whole(self, bench: Workbench) -> None:
        """What the offline system does, on one start of it."""
        self._steps.next("starting the system")
        async with bench.serve() as system:
            await warm_up(system)
            if self._wanted & {"end_to_end", "memory"}:
                self._steps.next("end to end, idle")
                section = await measure_end_to_end(system, self._texts[LENGTHS[0]])
                if "end_to_end" in self._wanted:
                    self.result.sections.append(section)
            if "memory" in self._wanted:
                self._steps.next("idle memory")
                self.result.sections.append(await measure_memory(system))
            if self._wanted & {"sustained", "accept", "webhooks"}:
                lengths = LENGTHS if "sustained" in self._wanted else LENGTHS[:1]
                self._steps.next("sustained rate of Serve")
                await self._comparison.add(system, self._texts, lengths)
            if "webhooks" in self._wanted:
                rate = self._comparison.rate("Serve", LENGTHS[0])
                texts = self._texts[LENGTHS[0]]
                self.result.sections.append(
                    await measure_webhooks(system, texts, sustained_per_s=rate, progress=self._steps.next)
                )
            if "accept" in self._wanted:
                section = await measure_accept(
                    system,
                    self._texts[LENGTHS[0]],
                    sustained_per_s=self._comparison.rate("Serve", LENGTHS[0]),
                    usually_queued=UNANSWERED,
                    progress=self._steps.next,
                )
                self.result.sections.append(section)

    async def _compare(self, bench: Workbench) -> None:
        """Serve was measured above; then both by turns, longest messages first, and the shortest a third time."""
        starts = (bench.baseline, bench.serve, bench.baseline, bench.serve, bench.baseline)
        for turn, start in enumerate(starts, 1):
            name = "the baseline" if start == bench.baseline else "Serve, again"
            self._steps.next(f"sustained rate of {name} ({turn} of {len(starts)})")
            async with start() as system:
                await warm_up(system)
                await self._comparison.add(system, self._texts, LENGTHS[::-1] if turn <= _TURNS_OF_ALL else LENGTHS[:1])
        self.result.sections.append(self._comparison.section())

    async def _converse(self, bench: Workbench) -> None:
        self._steps.next("starting the system with a slow model")
        async with bench.stub_model(MODEL_LATENCY_S) as environment, bench.serve(**environment) as system:
            await warm_up(system)
            section = await measure_conversations(system, self._texts[LENGTHS[0]], self._steps.next)
            self.result.sections.append(section)

    async def _measure_overhead(self, bench: Workbench) -> None:
        self._steps.next("starting the system with a model of known time")
        async with bench.stub_model(KNOWN_MODEL_S) as environment, bench.serve(**environment) as system:
            await warm_up(system)
            texts = {tokens: self._texts[tokens] for tokens in OVERHEAD_LENGTHS}
            self.result.sections.append(await measure_overhead(system, texts, self._steps.next))

    async def _storm(self, bench: Workbench) -> None:
        self._steps.next("starting the system")
        async with bench.serve() as system:
            sent = await warm_up(system)
            section = await measure_storm(system, self._texts[LENGTHS[0]], sent, self._steps.next, seed=_SEED)
            self.result.sections.append(section)

    @asynccontextmanager
    async def _noting(self, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(_SECTION_LIMIT_S):
                yield
        except Exception as error:
            self.result.failures.append(f"{what}: {type(error).__name__}: {error}")


def write_reports(result: Result, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    data, page = folder / "bench.json", folder / "bench.html"
    data.write_text(json.dumps(result.as_json(), indent=2) + "\n", encoding="utf-8")
    page.write_text(render_page(result, "Benchmark"), encoding="utf-8")
    return [data, page]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m load.bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section; may be repeated")
    parser.add_argument("--out", type=Path, default=CHECKOUT / "reports", help="folder of the reports")
    options = parser.parse_args(arguments)
    wanted = set(options.only or SECTIONS)
    console = Console()
    began = time.monotonic()
    with Steps(console) as steps:
        bench = Bench(wanted, steps)
        with contextlib.suppress(KeyboardInterrupt), asyncio.Runner() as runner:
            runner.run(_interruptible(bench))
    print_result(console, bench.result)
    for path in write_reports(bench.result, options.out):
        console.print(f"written: {path}")
    console.print(f"took {(time.monotonic() - began) / 60:.1f} minutes")
    return 1 if bench.result.failures else 0


async def _interruptible(bench: Bench) -> None:
    """SIGTERM ends the run as Ctrl-C does, so that nothing that it started stays behind."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await bench.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
