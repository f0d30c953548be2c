"""`fte eval`: what the FTE would do with many messages, how often that is right, and how it changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.errors import BadInput
from serve_app.commands.batch_files import check_can_hold, read_lines, write_whole
from serve_app.commands.progress import show_progress

if TYPE_CHECKING:
    from agent.turn.model_use import Prices
    from models.evaluation import EvalResult
    from models.evaluation_cases import EvalCase
    from serve_app.eval_report import Sets
    from serve_app.settings import Settings

# The project's own sets beside the messages to decide.
_RETRIEVAL_SET, _CONVERSATIONS = "retrieval.jsonl", "conversations.jsonl"


def register(app: typer.Typer) -> None:
    app.command("eval")(evaluate)


def evaluate(
    cases: Annotated[
        Path | None,
        typer.Option(help='JSON lines {"id", "channel", "text"}, also "history". Default: the project\'s own sets.'),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the decisions go, a JSON line each. Default: stdout.")] = None,
    kb: Annotated[Path | None, typer.Option(help="A folder of articles instead of the shipped ones.")] = None,
    report: Annotated[
        Path | None, typer.Option(help="A folder for report.html and report.json. Default: eval/ in FTE_HOME.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="The report.json to compare with. Default: the one in the report's folder.")
    ] = None,
    replays: Annotated[int, typer.Option(min=1, max=64, help="How often each conversation is replayed.")] = 4,
    customer: Annotated[
        str, typer.Option(help="Who plays the customers: script, or model (needs OPENAI_API_KEY).")
    ] = "script",
    prices: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Of a million tokens, in and out. Default: FTE_MODEL_PRICE_INPUT and _OUTPUT."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as JSON.")] = False,
) -> None:
    """Decide messages with the real pipeline, in this process and without storing anything.

    Cases that say expected_action (reply or escalate), and expected_reason, are scored. Without --cases the project's
    own sets are: messages, search (by meaning, by words, and both), sentiment, and conversations, which are replayed.
    The report says what got better or worse since the last run.
    """
    from serve_app.settings import load_settings

    settings = load_settings()
    articles = kb or settings.knowledge_dir / "articles"
    check_can_hold(out)
    if customer not in ("script", "model"):
        raise BadInput("--customer", "must be script or model")
    if cases is not None:
        _decide_cases(settings, cases, out, articles, as_json=as_json)
        return
    sets = _read_own_sets(with_questions=kb is None)
    folder = report or settings.home / "eval"
    _evaluate_sets(
        settings, articles, sets, folder, baseline, replays, customer, _to_prices(settings, prices), as_json=as_json
    )


def _decide_cases(settings: Settings, file: Path, out: Path | None, articles: Path, *, as_json: bool) -> None:
    """The batch contract: one line a case, in order; figures of those that are labelled."""
    from models.evaluation import score_results
    from models.evaluation_cases import parse_cases
    from serve_app.eval_tables import show_figures
    from serve_app.evaluation import decide_cases

    cases: list[EvalCase] = read_lines(file, parse_cases)
    with show_progress() as show:
        results: list[EvalResult] = asyncio.run(decide_cases(cases, settings, articles, show))
    write_whole(out, "".join(f"{result.as_line()}\n" for result in results))
    # On stderr where the decisions themselves are on stdout.
    figures, quiet = score_results(cases, results), out is None
    if as_json:
        typer.echo(json.dumps({file.stem: figures.as_record()}), err=quiet)
    elif figures.cases:
        show_figures(file.stem, figures.as_record(), err=quiet)


def _read_own_sets(*, with_questions: bool) -> Sets:
    """Raises BadInput for a set that cannot be read, and in an installation without any."""
    from models.conversations import parse_conversations
    from models.evaluation_cases import parse_cases
    from models.moods import parse_moods
    from models.retrieval import parse_questions
    from serve_app.eval_report import Sets
    from serve_app.settings import CHECKOUT

    own = CHECKOUT / "tests" / "eval"
    files = sorted(file for file in own.glob("*.jsonl") if file.name not in (_RETRIEVAL_SET, _CONVERSATIONS))
    if not files:
        raise BadInput("--cases", "give a file of cases, this installation has none of its own")
    return Sets(
        messages={file.stem: read_lines(file, parse_cases) for file in files},
        # They name the shipped articles.
        questions=read_lines(own / _RETRIEVAL_SET, parse_questions) if with_questions else [],
        conversations=read_lines(own / _CONVERSATIONS, parse_conversations) if with_questions else [],
        moods={file.stem: read_lines(file, parse_moods) for file in sorted((own / "sentiment").glob("*.jsonl"))},
    )


def _evaluate_sets(
    settings: Settings,
    articles: Path,
    sets: Sets,
    folder: Path,
    baseline: Path | None,
    replays: int,
    customer: str,
    prices: Prices | None,
    *,
    as_json: bool,
) -> None:
    from models.report.comparison import compare_reports
    from models.report.page import render_page
    from serve_app.eval_report import evaluate_sets, find_last, read_report, write_report
    from serve_app.eval_tables import show_report

    before = find_last(folder) if baseline is None else read_report(baseline)
    with show_progress() as show:
        report: Mapping[str, Any] = asyncio.run(
            evaluate_sets(settings, articles, sets, show, replays=replays, customer=customer, prices=prices)
        )
    comparison = compare_reports(report, before)
    write_report(folder, report, render_page(report, comparison))
    if as_json:
        typer.echo(json.dumps({**report, "comparison": comparison}))
    else:
        show_report(report, comparison, folder / "report.html")


def _to_prices(settings: Settings, given: tuple[float, float] | None) -> Prices | None:
    """Those that are given, else those of the settings; None where there are none."""
    from agent.turn.model_use import Prices

    if given is not None and min(given) < 0:
        raise BadInput("--prices", "must not be negative")
    of_settings = settings.model_price_input, settings.model_price_output
    first, second = of_settings if given is None else given
    return None if first is None or second is None else Prices(first, second)
