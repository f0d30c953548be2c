"""What a turn takes of the configured language model: estimated before each call, counted after it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from uuid import UUID

from agents.models.interface import Model
from agents.usage import Usage

from agent.errors import ModelAway, ModelCeilingReached, ModelMisbehaved, ModelResting
from agent.ports import ModelLedger
from agent.records import FallbackCause, ModelUse, TurnContext

# A token of English is about four bytes of UTF-8, one of other writing between two and three: so many tokens are
# never too few, and what is held too much is given back after the turn.
_BYTES_PER_TOKEN = 2


class NoCeiling:
    """A ledger that holds nothing: for whoever counts no spending."""

    async def reserve(self, held: UUID | None, tokens: int, cost_micros: int) -> UUID | None:
        return None

    async def settle(self, use: ModelUse, context: TurnContext) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Prices:
    """Per million tokens, in whatever currency: a token then costs that many millionths of it."""

    input: float
    output: float

    def cost_micros(self, input_tokens: int, output_tokens: int) -> int:
        return math.ceil(input_tokens * self.input + output_tokens * self.output)


@dataclass(frozen=True)
class ModelTerms:
    """How turns may use the configured language model.

    `max_output_tokens` bounds one call. `fallback` answers when the model does not; None gives such turns to a person.
    Without `prices` a call costs nothing and only its tokens count.
    """

    name: str
    max_output_tokens: int
    ledger: ModelLedger = field(default_factory=NoCeiling)
    prices: Prices | None = None
    fallback: Model | None = None


class ModelMeter:
    """Counts for one turn. A call that failed counts as its estimate where the server may have worked on it."""

    def __init__(self, terms: ModelTerms) -> None:
        self._terms = terms
        self._use = ModelUse(terms.name)
        self._estimate: tuple[int, int] | None = None
        """Input and output tokens of the call that is under way."""

    @property
    def use(self) -> ModelUse:
        return self._use

    async def before_call(self, request_bytes: int) -> None:
        """Hold room for a call under the day's ceiling. Raises ModelCeilingReached and DatabaseAway."""
        estimate = (math.ceil(request_bytes / _BYTES_PER_TOKEN), self._terms.max_output_tokens)
        held = await self._terms.ledger.reserve(self._use.reservation_id, sum(estimate), self._cost(*estimate))
        self._estimate = estimate
        self._use = replace(self._use, reservation_id=held, calls=self._use.calls + 1)

    def after_call(self, usage: Usage, ms: float) -> None:
        """A server that tells no usage is believed to have taken what was estimated, and so is each request before the
        one that it answered."""
        read, written = self._estimate or (0, 0)
        told = usage.input_tokens + usage.output_tokens > 0
        lost = max(0, usage.requests - 1)
        last = (usage.input_tokens, usage.output_tokens) if told else (read, written)
        self._count((last[0] + lost * read, last[1] + lost * written), ms)

    def call_failed(self, error: Exception, ms: float) -> None:
        """What became of the call that was under way, when one was."""
        if self._estimate is None:
            return
        if isinstance(error, ModelMisbehaved) and error.took is not None:
            read, written, requests = error.took
            self.after_call(Usage(requests=requests, input_tokens=read, output_tokens=written), ms)
            return
        free = isinstance(error, ModelAway) and not error.perhaps_billed
        self._count((0, 0) if free else self._estimate, ms)

    def fell_back(self, error: ModelAway) -> FallbackCause:
        cause = FallbackCause.AWAY
        if isinstance(error, ModelCeilingReached):
            cause = FallbackCause.CEILING
        elif isinstance(error, ModelResting):
            cause = FallbackCause.RESTING
            self._use = replace(self._use, calls=self._use.calls - 1)  # nothing was asked
        self._use = replace(self._use, fallback=cause, problem=str(error))
        return cause

    def was_unusable(self, error: ModelMisbehaved) -> None:
        """The model answered, and a person has to."""
        if self._use.fallback is None:
            self._use = replace(self._use, problem=str(error))

    def _count(self, tokens: tuple[int, int], ms: float) -> None:
        self._estimate = None
        use, (read, written) = self._use, tokens
        self._use = replace(
            use,
            input_tokens=use.input_tokens + read,
            output_tokens=use.output_tokens + written,
            cost_micros=use.cost_micros + self._cost(read, written),
            ms=use.ms + ms,
        )

    def _cost(self, input_tokens: int, output_tokens: int) -> int:
        return self._terms.prices.cost_micros(input_tokens, output_tokens) if self._terms.prices else 0
