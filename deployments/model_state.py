"""How the configured language model does, for operators. Apart from it: who only asks need not load its libraries."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from agent.records import FallbackCause
from crm.database import Database
from crm.model_ledger import Ceilings, ModelFigures, PostgresModelLedger
from deployments.startup import ReplicaSettings

_WINDOW = timedelta(minutes=15)
_MICROS = 1_000_000
_TELLING = 4
"""So many turns tell something about a model: a single odd message is no problem of the operator's."""


def ceilings(settings: ReplicaSettings) -> Ceilings:
    cost = settings.model_daily_cost
    return Ceilings(settings.model_daily_tokens, None if cost is None else round(cost * _MICROS))


class LanguageModelProbe:
    """How the language model does, from what turns committed; no call of it is made for this."""

    def __init__(self, settings: ReplicaSettings, database: Database) -> None:
        self._configured = bool(settings.openai_api_key.get_secret_value())
        self._named = {"model": settings.openai_model, "fallback": settings.model_fallback}
        self._ceilings = ceilings(settings)
        self._ledger = PostgresModelLedger(database)

    async def __call__(self) -> Mapping[str, Any]:
        """Plain values, with a `problem` while turns go on without the model. Raises DatabaseAway."""
        if not self._configured:
            return {"model": "offline"}
        figures = await self._ledger.fetch_figures(_WINDOW)
        problem = model_problem(figures)
        return {
            **self._named,
            "window_minutes": _WINDOW.total_seconds() / 60,
            "turns": figures.turns,
            "fallbacks": {cause.value: count for cause, count in figures.fallbacks.items()},
            "unusable": figures.unusable,
            "tokens_today": figures.tokens,
            "tokens_ceiling": self._ceilings.tokens,
            "cost_today": figures.cost_micros / _MICROS,
            "cost_ceiling": None if self._ceilings.cost_micros is None else self._ceilings.cost_micros / _MICROS,
            **({"problem": problem} if problem else {}),
        }


def model_problem(figures: ModelFigures) -> str:
    """A sentence while the last turns went on without the model, or while most of its answers are of no use; empty when
    it answers."""
    if not figures.last_fallback:
        if figures.turns < _TELLING or 2 * figures.unusable <= figures.turns:
            return ""
        return f"{figures.problem}; of the last {figures.turns} turns a person got {figures.unusable} in its place"
    share = f"{sum(figures.fallbacks.values())} of the last {figures.turns} turns went on without it"
    if figures.last_fallback == FallbackCause.CEILING:
        return f"today's ceiling is reached; {share}"
    return f"{figures.problem}; {share}"
