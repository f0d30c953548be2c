"""What turns take of the configured language model, and the day's ceiling over all replicas (ports.ModelLedger)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from agent.errors import ModelCeilingReached
from agent.records import FallbackCause, ModelUse, TurnContext
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("model_use")


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Of a day in UTC; None is no ceiling."""

    tokens: int | None = None
    cost_micros: int | None = None

    @property
    def any(self) -> bool:
        return self.tokens is not None or self.cost_micros is not None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The language model over the last while and today. `tokens` and `cost_micros` include what is held for turns that
    run; `last_fallback` is of the last turn, empty when the model answered it. `unusable` are turns that it answered
    with something of no use; `problem` is what was wrong the last time that it was away or unusable."""

    turns: int
    fallbacks: dict[FallbackCause, int]
    last_fallback: str
    problem: str
    tokens: int
    cost_micros: int
    refused: int
    unusable: int = 0


class PostgresModelLedger:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database, ceilings: Ceilings = Ceilings()) -> None:
        self._database = database
        self._ceilings = ceilings

    async def reserve(self, held: UUID | None, tokens: int, cost_micros: int) -> UUID | None:
        if not self._ceilings.any:
            return None
        limits = (self._ceilings.tokens, self._ceilings.cost_micros)
        async with self._database.connection() as connection:
            found: UUID | None = await connection.fetchval(
                _QUERIES["reserve_model_use"], held, tokens, cost_micros, *limits
            )
        if found is None:
            raise ModelCeilingReached("the day's ceiling of the language model leaves no room for another call")
        return found

    async def settle(self, use: ModelUse, context: TurnContext) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["settle_model_use"], use.reservation_id, context.conversation_id, *model_use_arguments(use)
            )

    async def fetch_figures(self, window: timedelta) -> ModelFigures:
        """Turns of the last `window`, and today's use."""
        async with self._database.connection() as connection:
            turns = await connection.fetchrow(_QUERIES["fetch_model_turns"], window)
            day = await connection.fetchrow(_QUERIES["fetch_model_day"])
        assert turns is not None, "an aggregate has one row"
        return ModelFigures(
            turns=turns["turns"],
            fallbacks={cause: turns[cause.value] for cause in FallbackCause},
            last_fallback=turns["last_fallback"],
            problem=turns["problem"],
            tokens=day["tokens"] + day["held_tokens"] if day else 0,
            cost_micros=day["cost_micros"] + day["held_cost_micros"] if day else 0,
            refused=day["refused"] if day else 0,
            unusable=turns["unusable"],
        )


def model_use_arguments(use: ModelUse) -> tuple[Any, ...]:
    """The model, calls, tokens, cost, time and fallback, as settle_model_use takes them."""
    fallback = use.fallback.value if use.fallback else None
    return (use.model, use.calls, use.input_tokens, use.output_tokens, use.cost_micros, use.ms, fallback, use.problem)
