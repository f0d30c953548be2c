"""Asks the configured language model, and goes on without it where it is away.

A customer waits for no outage: a turn that cannot have the model answers with the fallback, which is grounded like any
answer, or hands over. So no outage of it ever counts against a message.
"""

from __future__ import annotations

import logging
import time

from agent.errors import DependencyAway, ModelAway, ModelMisbehaved
from agent.turn.model_use import ModelMeter
from agent.turn.state import TurnState

_LOG = logging.getLogger(__name__)


async def ask_model(state: TurnState) -> None:
    """The intent of the model or of its fallback is in `state` after that.

    Raises ModelMisbehaved, which ends the turn with a person, and DependencyAway of anything but the model; without
    terms for the model, of the model too.
    """
    terms = state.services.model_terms
    state.meter = None if terms is None else ModelMeter(terms)
    try:
        await _ask(state)
    except ModelMisbehaved as error:
        if state.meter is not None:
            state.meter.was_unusable(error)
        raise  # the turn ends, and its commit settles
    except Exception:
        await _settle(state)
        raise


async def _ask(state: TurnState) -> None:
    began = time.perf_counter()
    try:
        await state.services.model_loop.run(state)
    except ModelAway as error:
        if state.meter is None:
            raise
        cause = state.meter.fell_back(error)
        _LOG.warning("a turn goes on without the language model (%s): %s", cause.value, error)
        loop = state.services.fallback_loop
        goes_on = "a person is asked" if loop is None else "the offline answer stands in"
        state.record_step("language_model", {}, f"{error}; {goes_on}", began, {"kept": False})
        if loop is None:
            raise ModelMisbehaved(str(error)) from error
        state.reply = state.handover = None
        await loop.run(state)


async def _settle(state: TurnState) -> None:
    """This turn will not commit. Where the ledger is away too, what is held for the turn stays counted whole."""
    if state.meter is None or state.services.model_terms is None:
        return
    try:
        await state.services.model_terms.ledger.settle(state.meter.use, state.context)
    except DependencyAway as error:
        _LOG.warning("what a turn took of the language model could not be settled: %s", error)
