"""What a turn works with, made once per process and shared by all of its turns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from agents.models.interface import Model

from agent.ports import Embedder, Embeddings, Float32Array, KnowledgeSearch, SentimentScorer
from agent.records import ReasonCode, Severity, Team
from agent.reply.brand import Brand
from agent.service.hours import HoursOf, no_hours, utc_now
from agent.times import Times
from agent.turn.model_use import ModelTerms
from agent.turn.prompt_size import PromptSize

if TYPE_CHECKING:
    from agent.turn.model_loop import ModelLoop


class RuleVerdict(Protocol):
    """Why and to whom a rule sends a conversation. `evidence` is for the person who will read it."""

    @property
    def reason_code(self) -> ReasonCode: ...
    @property
    def team(self) -> Team: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def evidence(self) -> str: ...


class EscalationRules(Protocol):
    """What agent.policy.policy.EscalationPolicy implements.

    Row 0 of `embeddings` is the vector of what was chosen of `text`; unless `is_clear`, the rows of `parts(text)`
    follow in order.
    """

    @property
    def negative_threshold(self) -> float: ...
    def match_threshold(self, model_id: str) -> float: ...
    def parts(self, text: str) -> tuple[str, ...]: ...
    def is_clear(self, text: str, embeddings: Embeddings) -> bool: ...
    def sentiment(self, text: str, embeddings: Embeddings, by_words: float) -> float: ...

    def immediate(
        self,
        text: str,
        embeddings: Embeddings,
        *,
        negative_streak: int,
        leans_on: tuple[str, Float32Array] | None,
    ) -> RuleVerdict | None: ...
    def after_attempt(self, *, negative_streak: int, gap_streak: int) -> RuleVerdict | None: ...
    def verdict(self, reason: ReasonCode, evidence: str) -> RuleVerdict: ...


@dataclass(frozen=True)
class TurnServices:
    """`count_tokens` counts as the embedding model does: the limit of a query is in its tokens."""

    embedder: Embedder
    sentiment: SentimentScorer
    search: KnowledgeSearch
    policy: EscalationRules
    model: Model
    brand: Brand
    count_tokens: Callable[[str], int]
    times: Times = field(default_factory=Times)
    opening_hours: HoursOf = no_hours
    clock: Callable[[], datetime] = utc_now
    model_terms: ModelTerms | None = None
    """None for the offline model, which costs nothing and is never away; and for who must know when a model is."""
    prompt: PromptSize = PromptSize.FULL
    """Of the model; what answers in its place reads all."""

    @cached_property
    def model_loop(self) -> ModelLoop:
        """The agent of the SDK with its tools, built once: schemas are not made anew each turn."""
        from agent.turn.model_loop import ModelLoop

        return ModelLoop(self.model, self.brand, self.times, size=self.prompt)

    @cached_property
    def fallback_loop(self) -> ModelLoop | None:
        """What answers when the model is away; None where a person is to be asked then."""
        from agent.turn.model_loop import ModelLoop

        if self.model_terms is None or self.model_terms.fallback is None:
            return None
        return ModelLoop(self.model_terms.fallback, self.brand, self.times, counted=False)
