"""`fte eval`: what the FTE would do with many messages, how often that is right, and how well its search finds."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.errors import BadInput
from serve_app.commands.batch_files import check_can_hold, read_lines, write_whole

if TYPE_CHECKING:
    from models.evaluation import EvalResult, Figures
    from models.evaluation_cases import EvalCase
    from models.retrieval import RetrievalFigures, RetrievalQuestion


# The project's own questions for the search; the other sets beside it are messages to decide.
_RETRIEVAL_SET = "retrieval.jsonl"


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

    Cases that say expected_action (reply or escalate), and expected_reason, are scored. Without --cases the project's
    own sets are, and its search is compared: by meaning alone, by words alone, and both.
    """
    from models.evaluation_cases import parse_cases
    from models.retrieval import parse_questions
    from serve_app.settings import CHECKOUT, load_settings

    settings = load_settings()
    own = CHECKOUT / "tests" / "eval"
    files = [cases] if cases else sorted(file for file in own.glob("*.jsonl") if file.name != _RETRIEVAL_SET)
    if not files:
        raise BadInput("--cases", "give a file of cases, this installation has none of its own")
    groups = {file: read_lines(file, parse_cases) for file in files}
    questions = [] if cases or kb else read_lines(own / _RETRIEVAL_SET, parse_questions)
    check_can_hold(out)
    all_cases = [case for group in groups.values() for case in group]
    results, modes = _measure(all_cases, questions, kb or settings.knowledge_dir / "articles")
    if cases:
        write_whole(out, "".join(f"{result.as_line()}\n" for result in results))
    _report(groups, results, modes, as_json=as_json, quiet=cases is not None and out is None)


def _measure(
    cases: list[EvalCase], questions: list[RetrievalQuestion], articles: Path
) -> tuple[list[EvalResult], dict[str, RetrievalFigures]]:
    from rich.console import Console
    from rich.progress import Progress

    from serve_app.evaluation import open_bench
    from serve_app.settings import load_settings

    with Progress(console=Console(stderr=True), transient=True) as progress:
        bars = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage)
            progress.update(bars[stage], completed=done, total=max(total, 1))

        async def run() -> tuple[list[EvalResult], dict[str, RetrievalFigures]]:
            async with open_bench(load_settings(), articles, show) as bench:
                return await bench.decide(cases), await bench.compare(questions) if questions else {}

        return asyncio.run(run())


def _report(
    groups: dict[Path, list[EvalCase]],
    results: list[EvalResult],
    modes: dict[str, RetrievalFigures],
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Figures by file, on stderr where the decisions themselves are on stdout."""
    from models.evaluation import score_results

    figures: dict[str, Figures] = {}
    start = 0
    for file, cases in groups.items():
        figures[file.stem] = score_results(cases, results[start : start + len(cases)])
        start += len(cases)
    if as_json:
        record: dict[str, Any] = {name: each.as_record() for name, each in figures.items()}
        if modes:
            record["retrieval"] = {mode: found.as_record() for mode, found in modes.items()}
        typer.echo(json.dumps(record), err=quiet)
        return
    for name, each in figures.items():
        if each.cases:
            _show(name, each, err=quiet)
    if modes:
        _show_modes(modes)


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


def _show_modes(modes: dict[str, RetrievalFigures]) -> None:
    from rich.console import Console
    from rich.table import Table

    names = {"dense": "dense alone", "text": "full text alone", "hybrid": "hybrid"}
    questions = next(iter(modes.values())).questions
    table = Table("search", "hit@1", "hit@5", "MRR", title=f"retrieval: {questions} questions")
    for mode, figures in modes.items():
        table.add_row(names[mode], _percent(figures.hit_at_1), _percent(figures.hit_at_5), f"{figures.mrr:.3f}")
    Console().print(table)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
