"""What a system recorded of itself, read from its database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crm.database import Database
from crm.queries import load_queries
from crm.work import WorkQueue
from load.percentiles import Percentiles, percentiles
from load.results import Cell, Table

_QUERIES = load_queries("bench", Path(__file__).parent / "sql")

STAGES = (
    "accept",
    "queue wait",
    "lock",
    "gather",
    "sentiment",
    "embed",
    "policy",
    "search",
    "model",
    "commit",
    "deliver",
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One committed turn: milliseconds by stage, and from accept to commit."""

    outcome: str
    reason: str
    stages: Mapping[str, float]
    end_to_end_ms: float

    @property
    def turn_ms(self) -> float:
        """From asking for the lock to the commit: all but the wait in the queue."""
        return self.end_to_end_ms - self.stages.get("queue_wait", 0.0) + self.stages.get("lock", 0.0)

    @property
    def commit_ms(self) -> float:
        """What the stages before it leave of the whole, so it ends where the commit wrote this row."""
        known = self.stages.get("queue_wait", 0.0) + self.stages.get("turn", 0.0)
        return max(0.0, self.end_to_end_ms - known)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was measured after a mark, in milliseconds."""

    accepts: Sequence[float]
    turns: Sequence[Turn]
    deliveries: Sequence[float]
    """From commit to delivered."""
    delivered_end_to_end: Sequence[float]

    def stage_percentiles(self) -> dict[str, Percentiles]:
        of_turns: dict[str, Callable[[Turn], float]] = {
            "queue wait": lambda turn: turn.stages.get("queue_wait", 0.0),
            "commit": lambda turn: turn.commit_ms,
        }
        for name in STAGES:
            of_turns.setdefault(name, lambda turn, name=name: turn.stages.get(name, 0.0))  # type: ignore[misc]
        found = {name: percentiles([read(turn) for turn in self.turns]) for name, read in of_turns.items()}
        return {**found, "accept": percentiles(self.accepts), "deliver": percentiles(self.deliveries)}

    def outcomes(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for turn in self.turns:
            counts[turn.outcome] = counts.get(turn.outcome, 0) + 1
        return counts


class Figures:
    """Reads the database of a system under load. Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mark(self) -> int:
        """Where measuring begins: give it to the other methods."""
        return int(await self._fetch_value("fetch_mark"))

    async def delivered_since(self, mark: int) -> int:
        return int(await self._fetch_value("fetch_delivered", mark))

    async def queued(self) -> int:
        return int(await self._fetch_value("fetch_queued"))

    async def inbound(self) -> int:
        return int(await self._fetch_value("fetch_inbound"))

    async def unsettled(self) -> int:
        return int(await self._fetch_value("fetch_unsettled"))

    async def recorded_since(self, mark: int) -> Recorded:
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_metrics"], mark)
        turns = [
            Turn(row["outcome_kind"], row["reason"] or "", row["stages"], row["end_to_end_ms"])
            for row in rows
            if row["kind"] == "turn"
        ]
        delivered = [row for row in rows if row["kind"] == "deliver"]
        return Recorded(
            accepts=[row["total_ms"] for row in rows if row["kind"] == "accept"],
            turns=turns,
            deliveries=[row["total_ms"] for row in delivered],
            delivered_end_to_end=[row["end_to_end_ms"] for row in delivered if row["end_to_end_ms"] is not None],
        )

    async def hold_work(self, channel: str, window_ms: int) -> None:
        """Let new messages queue up for `window_ms` before their turn; 0 ends it."""
        await self._execute("hold_work", channel, window_ms)

    async def release_work(self) -> None:
        await self._execute("release_work")

    async def release_oldest(self, count: int) -> None:
        """Let the turns of `count` held messages run, and wake the dispatcher."""
        await self._execute("release_oldest", count)
        await WorkQueue(self._database).notify()

    async def thread_keys(self) -> dict[str, str]:
        """The thread key of every ticket of the web form."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_threads"])
        return {row["ticket_id"]: row["thread_key"] for row in rows}

    async def _fetch_value(self, query: str, *arguments: Any) -> Any:
        async with self._database.connection() as connection:
            return await connection.fetchval(_QUERIES[query], *arguments)

    async def _execute(self, query: str, *arguments: Any) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES[query], *arguments)


def stage_table(title: str, recorded: Mapping[str, Recorded]) -> Table:
    """The p95 of every stage in milliseconds, one column a system."""
    stages = {name: each.stage_percentiles() for name, each in recorded.items()}
    rows: list[tuple[Cell, ...]] = [(stage, *(stages[name][stage].p95 for name in recorded)) for stage in STAGES]
    return Table(title, ("stage", *(f"{name}, p95 ms" for name in recorded)), tuple(rows))
