"""The sustained rates of the Serve system beside the baseline's, from alternating runs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from load.figures import Recorded, stage_table
from load.measure.sustained import Sustained, measure_sustained
from load.results import Figure, Section, Table
from load.system import System

LENGTHS = (20, 80)
UNANSWERED = 96
_WARM_S = {"Serve": 15.0, "baseline": 6.0}
_MEASURE_S = 15.0
_TARGET_RATIO = 0.85


@dataclass(slots=True)
class Comparison:
    """`runs` by (system, message length in tokens), in the order in which they were taken."""

    runs: dict[tuple[str, int], list[Sustained]] = field(default_factory=dict)

    async def add(self, system: System, texts: Mapping[int, Sequence[str]], lengths: Sequence[int]) -> None:
        for tokens in lengths:
            run = await measure_sustained(
                system, texts[tokens], unanswered=UNANSWERED, warm_s=_WARM_S[system.name], measure_s=_MEASURE_S
            )
            self.runs.setdefault((system.name, tokens), []).append(run)

    def rate(self, system: str, tokens: int) -> float:
        """The median of the runs, which one minute of a slower machine does not move; NaN when there was none."""
        rates = [run.replies_per_s for run in self.runs.get((system, tokens), ())]
        return statistics.median(rates) if rates else float("nan")

    def section(self) -> Section:
        figures = []
        for tokens in LENGTHS:
            serve, baseline = self.rate("Serve", tokens), self.rate("baseline", tokens)
            figures += [
                Figure(f"Serve over baseline, {tokens}-token messages", serve / baseline, "", at_least=_TARGET_RATIO),
                Figure(f"Serve, {tokens}-token messages", serve, "replies/s"),
                Figure(f"baseline, {tokens}-token messages", baseline, "replies/s"),
            ]
        return Section(
            name="sustained",
            title="Sustained rate",
            method=(
                f"{UNANSWERED} messages of new customers are kept in the system (closed loop); delivered replies are "
                f"counted for {_MEASURE_S:g} s after a warm-up. Serve and the baseline (one uvicorn process with the "
                "same core, micro-batched embedding, no Ray) run by turns, each on a fresh database of the same "
                "Postgres; the figures are the medians of the runs. The generator shares the machine."
            ),
            figures=tuple(figures),
            tables=(self._runs_table(), *self._stage_tables(), *self._cpu_tables()),
        )

    def _runs_table(self) -> Table:
        rows = []
        for (system, tokens), runs in self.runs.items():
            ends = _outcome_words(runs)
            cpu = sum(sum(run.cpu_ms_per_reply.values()) for run in runs) / len(runs)
            rates = ", ".join(f"{run.replies_per_s:.1f}" for run in runs)
            rows.append((f"{system}, {tokens} tokens", rates, cpu, sum(run.refused for run in runs), ends))
        columns = ("system and length", "replies/s by run", "CPU ms per reply", "refused", "outcomes")
        return Table("Runs", columns, tuple(rows))

    def _stage_tables(self) -> list[Table]:
        """The last run of each system: where the time goes while work is always waiting."""
        tables = []
        for tokens in LENGTHS:
            recorded: dict[str, Recorded] = {
                system: runs[-1].recorded for (system, length), runs in self.runs.items() if length == tokens
            }
            if recorded:
                tables.append(stage_table(f"Stages at the sustained rate, {tokens}-token messages", recorded))
        return tables

    def _cpu_tables(self) -> list[Table]:
        tables = []
        for (system, tokens), runs in self.runs.items():
            if tokens == LENGTHS[0]:
                rows = tuple((label, ms) for label, ms in runs[-1].cpu_ms_per_reply.items() if ms >= 0.05)
                title = f"CPU by process, {system}, {tokens}-token messages"
                tables.append(Table(title, ("process", "CPU ms per reply"), rows, chart="bars"))
        return tables


def _outcome_words(runs: Sequence[Sustained]) -> str:
    counts: dict[str, int] = {}
    for run in runs:
        for outcome, count in run.recorded.outcomes().items():
            counts[outcome] = counts.get(outcome, 0) + count
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
