"""What a turn costs beside the language model: the model's time is fixed and known, and everything else is ours."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from load.figures import Figures, Recorded, Turn, stage_table
from load.form_client import FormClient
from load.measure.end_to_end import PAUSE_S, ask_one_by_one
from load.percentiles import percentiles
from load.results import Figure, Section, Table
from load.system import System

KNOWN_MODEL_S = 0.3
OVERHEAD_LENGTHS = (20, 80, 256)
_MESSAGES = 50
_WARM_UP = 8
_TARGET_TOKENS = 20


async def measure_overhead(
    system: System, texts: Mapping[int, Sequence[str]], progress: Callable[[str], None]
) -> Section:
    """`texts` by their length in tokens; `system` must answer with the stub model of `KNOWN_MODEL_S`."""
    figures = Figures(system.database)
    recorded: dict[int, Recorded] = {}
    async with system.client(2) as http:
        form, random_source = FormClient(http), random.Random(11)
        for tokens, messages in texts.items():
            progress(f"turns of {tokens} tokens, idle")
            await ask_one_by_one(form, figures, messages[:_WARM_UP], random_source)
            mark = await figures.mark()
            measured = messages[_WARM_UP : _WARM_UP + _MESSAGES]
            await ask_one_by_one(form, figures, measured, random_source)
            recorded[tokens] = await figures.recorded_since(mark)
    own = {tokens: percentiles([_own_ms(turn) for turn in each.turns]) for tokens, each in recorded.items()}
    asked = {tokens: [turn for turn in each.turns if "model" in turn.stages] for tokens, each in recorded.items()}
    rows = tuple(
        (f"{tokens} tokens", len(asked[tokens]), each.p50, each.p95, each.p99, each.max) for tokens, each in own.items()
    )
    return Section(
        name="overhead",
        title="A turn beside its model, idle",
        method=(
            f"A stub with OpenAI's Chat Completions on loopback that answers after {KNOWN_MODEL_S * 1000:g} ms. "
            f"{_MESSAGES} new customers one after the other for each length, with pauses of about {PAUSE_S:g} s. From "
            "asking for the lock to the commit, less the stub's stated time: its own work, HTTP and the SDK count as "
            "ours. Lengths are in tokens of the embedding model."
        ),
        figures=tuple(
            Figure(
                f"turn beside the model, {tokens}-token message, p95",
                each.p95,
                "ms",
                at_most=60.0 if tokens == _TARGET_TOKENS else None,
            )
            for tokens, each in own.items()
        ),
        tables=(
            Table("Milliseconds beside the model", ("message", "turns", "p50", "p95", "p99", "max"), rows),
            stage_table("Stages, idle", {f"{tokens} tokens": each for tokens, each in recorded.items()}),
        ),
    )


def _own_ms(turn: Turn) -> float:
    """Less what the stub takes by itself; a turn that did not ask it has nothing to take off."""
    return turn.turn_ms - (KNOWN_MODEL_S * 1000 if "model" in turn.stages else 0.0)
