"""What one turn has learned and what it intends. Nothing here acts on the world: the commit does."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from agent.errors import FteError
from agent.ports import Embeddings
from agent.records import EscalationRequest, ModelUse, Passage, ReasonCode, ToolCall, TurnContext
from agent.reply.draft import ReplyIntent
from agent.service.hours import OpeningHours
from agent.turn.model_use import ModelMeter
from agent.turn.services import TurnServices
from agent.turn.triage import Triage

SEARCH_LIMIT = 6
MAX_SEARCHES = 2
_TRACE_CHARS = 600
_TRACE_STEPS = 40


@dataclass(frozen=True, slots=True)
class EscalationIntent:
    """The model's wish to hand over; the team and severity are code's to choose."""

    reason_code: ReasonCode
    summary: str


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """`matched` when a passage's cosine reaches the embedding model's threshold."""

    query: str
    passages: tuple[Passage, ...]
    matched: bool


@dataclass
class TurnState:
    """Made for one turn, mutated by its tools, read at its end."""

    context: TurnContext
    services: TurnServices
    triage: Triage
    opening: OpeningHours | None = None
    """When people answer on this channel, where that is known."""
    sentiments: tuple[float, ...] = ()
    sentiment: float = 0.0
    """Of the burst as one text."""
    searches: list[SearchRecord] = field(default_factory=list)
    searches_begun: int = 0
    reply: ReplyIntent | None = None
    handover: EscalationIntent | None = None
    escalation: EscalationRequest | None = None
    given: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """The required steps as name, arguments and result: what the model is given as done. A search that it asked for is
    added, for a fallback that goes on from there."""
    trace: list[ToolCall] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    model_calls: int = 0
    model_began: float | None = None
    """Of time.perf_counter(), while a call of the model is under way."""
    meter: ModelMeter | None = None
    """Counts what the turn takes of the configured language model; None without one."""
    away: FteError | None = None
    """A dependency that failed inside a tool: the SDK wraps errors, so the turn raises this one itself."""

    @property
    def negative_streak(self) -> int:
        """Exchanges in a row below the threshold, this one included."""
        negative = self.sentiment < self.services.policy.negative_threshold
        return self.context.negative_streak + 1 if negative else 0

    @property
    def model_use(self) -> ModelUse | None:
        return None if self.meter is None else self.meter.use

    @property
    def passages(self) -> list[Passage]:
        """Every passage found, best first within each search, without repeats."""
        seen: dict[tuple[str, str, str], Passage] = {}
        for search in self.searches:
            for passage in search.passages:
                seen.setdefault((passage.slug, passage.heading_path, passage.body), passage)
        return list(seen.values())

    @property
    def matched(self) -> bool:
        return any(search.matched for search in self.searches)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to a stage, in milliseconds."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages[stage] = self.stages.get(stage, 0.0) + (time.perf_counter() - began) * 1000

    def record_step(
        self,
        name: str,
        arguments: Mapping[str, Any],
        result: str,
        began: float,
        seen: Mapping[str, Any] | None = None,
    ) -> None:
        """Add a tool call or a decision to the trace; `began` is of time.perf_counter()."""
        if len(self.trace) >= _TRACE_STEPS:
            return
        shown = result if len(result) <= _TRACE_CHARS else f"{result[:_TRACE_CHARS]}… ({len(result)} characters)"
        duration_ms = round((time.perf_counter() - began) * 1000, 3)
        self.trace.append(ToolCall(name, dict(arguments), shown, duration_ms, seen or {}))

    def matches(self, passages: list[Passage], embeddings: Embeddings) -> bool:
        """Whether any passage is close enough in meaning; one that only full text found proves nothing."""
        threshold = self.services.policy.match_threshold(embeddings.model_id)
        return any(not math.isnan(p.similarity) and p.similarity >= threshold for p in passages)
