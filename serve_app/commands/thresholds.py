"""`fte thresholds`: the curves by which the thresholds of the escalation rules are chosen."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serve_app.commands.batch_files import check_can_hold, read_lines, write_whole

if TYPE_CHECKING:
    from models.thresholds import Curve


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A threshold as the rules have it, and the curve that it stands on."""

    value: float
    curve: Curve


def register(app: typer.Typer) -> None:
    app.command("thresholds")(thresholds)


def thresholds(
    cases: Annotated[
        Path | None, typer.Option(help="Labelled messages, as `fte eval` reads them. Default: the development set.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="An SVG file for the curves.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every point of the curves as JSON.")] = False,
) -> None:
    """Sweep the thresholds of the escalation rules over labelled examples, for the configured embedding model.

    `meaning` is the lowest at which what goes to a person and what does not are told apart best; `match` is the highest
    at which nearly every question that an article answers still has a match.
    """
    from models.threshold_plot import Plot, draw
    from serve_app.settings import CHECKOUT

    check_can_hold(plot)
    sets = CHECKOUT / "tests" / "eval"
    meaning, match = _measure(cases or sets / "development.jsonl", sets)
    if plot is not None:
        rows = [
            Plot("meaning: how far a reason leads the ordinary", "handed over rightly", "needlessly", meaning.curve),
            Plot("match: the cosine of the nearest passage", "answerable", "unanswerable", match.curve),
        ]
        write_whole(plot, draw(rows))
    if as_json:
        typer.echo(json.dumps({"meaning": _as_record(meaning), "match": _as_record(match)}))
    else:
        _show({"meaning": meaning, "match": match})


def _measure(cases: Path, sets: Path) -> tuple[_Recorded, _Recorded]:
    from deployments.turn_services import make_policy
    from models.batching import InProcessEmbedder
    from models.evaluation_cases import parse_cases
    from serve_app.evaluation import open_bench
    from serve_app.knowledge import parse_queries
    from serve_app.settings import load_settings
    from serve_app.thresholds import measure_match, measure_meaning

    labelled = read_lines(cases, parse_cases)
    answerable = read_lines(sets / "retrieval.jsonl", parse_queries)
    unanswerable = read_lines(sets / "retrieval" / "unanswerable.jsonl", parse_queries)
    settings = load_settings()

    async def run() -> tuple[_Recorded, _Recorded]:
        async with open_bench(settings, settings.knowledge_dir / "articles", lambda stage, done, total: None) as bench:
            embedder = InProcessEmbedder(bench.model)
            try:
                policy = await make_policy(settings, embedder, bench.model.model_id)
                meaning = await measure_meaning(policy, embedder, labelled)
                match = await measure_match(bench, answerable, unanswerable)
            finally:
                await embedder.close()
        recorded = policy.match_threshold(bench.model.model_id)
        return _Recorded(policy.meaning_threshold, meaning), _Recorded(recorded, match)

    return asyncio.run(run())


def _as_record(recorded: _Recorded) -> dict[str, Any]:
    curve = recorded.curve
    return {
        "recorded": recorded.value,
        "chosen": asdict(curve.chosen),
        "points": [asdict(point) for point in curve.points],
    }


def _show(thresholds: dict[str, _Recorded]) -> None:
    from rich.console import Console
    from rich.table import Table

    for name, recorded in thresholds.items():
        table = Table("threshold", "reached that must", "reached that must not", "precision", title=name)
        nearby = {round(recorded.value, 2), recorded.curve.chosen.threshold}
        for point in recorded.curve.points:
            if point.threshold in nearby or round(point.threshold * 100) % 10 == 0:
                precision = "-" if point.precision is None else f"{point.precision:.1%}"
                marks = ["recorded"] * (point.threshold == round(recorded.value, 2))
                marks += ["chosen"] * (point.threshold == recorded.curve.chosen.threshold)
                label = " ".join([f"{point.threshold:.2f}", *marks])
                table.add_row(label, f"{point.recall:.1%}", f"{point.false_share:.1%}", precision)
        Console().print(table)
