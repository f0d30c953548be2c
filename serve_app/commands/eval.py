"""`fte eval`: what the FTE would do with many messages, and how often that is right."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import BadInput
from serve_app.commands.batch_files import check_can_hold, read_lines, write_whole

if TYPE_CHECKING:
    from models.evaluation import EvalResult, Figures
    from models.evaluation_cases import EvalCase


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)


def evaluate(
    cases: Annotated[
        Path | None,
        typer.Option(help='JSON lines {"id", "channel", "text"}, also "history". Default: the project\'s own sets.'),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the decisions go, a JSON line each. Default: stdout.")] = None,
    kb: Annotated[Path | None, typer.Option(help="A folder of articles instead of the shipped ones.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Decide messages with the real pipeline, in this process and without storing anything.

    Cases that say expected_action (reply or escalate), and expected_reason, are scored.
    """
    from models.evaluation_cases import parse_cases
    from serve_app.settings import CHECKOUT, load_settings

    settings = load_settings()
    files = [cases] if cases else sorted((CHECKOUT / "tests" / "eval").glob("*.jsonl"))
    if not files:
        raise BadInput("--cases", "give a file of cases, this installation has none of its own")
    groups = {file: read_lines(file, parse_cases) for file in files}
    check_can_hold(out)
    results = _decide([case for group in groups.values() for case in group], kb or settings.knowledge_dir / "articles")
    if cases:
        write_whole(out, "".join(f"{result.as_line()}\n" for result in results))
    _report(groups, results, as_json=as_json, quiet=cases is not None and out is None)


def _decide(cases: list[EvalCase], articles: Path) -> list[EvalResult]:
    from rich.console import Console
    from rich.progress import Progress

    from serve_app.evaluation import decide_cases
    from serve_app.settings import load_settings

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage)
            progress.update(bars[stage], completed=done, total=max(total, 1))

        return asyncio.run(decide_cases(cases, load_settings(), articles, show))


def _report(groups: dict[Path, list[EvalCase]], results: list[EvalResult], *, as_json: bool, quiet: bool) -> None:
    """Figures by file, on stderr where the decisions themselves are on stdout."""
    from models.evaluation import score_results

    figures: dict[str, Figures] = {}
    start = 0
    for file, cases in groups.items():
        figures[file.stem] = score_results(cases, results[start : start + len(cases)])
        start += len(cases)
    if as_json:
        typer.echo(json.dumps({name: each.as_record() for name, each in figures.items()}), err=quiet)
    else:
        for name, each in figures.items():
            if each.cases:
                _show(name, each, err=quiet)


def _show(name: str, figures: Figures, *, err: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("reason", "cases", "recall", "precision", title=f"{name}: {figures.cases} labelled cases")
    for reason, row in figures.reasons.items():
        table.add_row(reason, str(row["cases"]), _percent(row["recall"]), _percent(row["precision"]))
    console = Console(stderr=err)
    console.print(table)
    console.print(
        f"right {_percent(figures.accuracy)}; "
        f"handed over of what must be {_percent(figures.escalation_recall)}, "
        f"for the right reason {_percent(figures.reason_accuracy)}; "
        f"handed over of what may be answered {_percent(figures.false_escalations)}\n"
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
