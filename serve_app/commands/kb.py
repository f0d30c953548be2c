"""`fte kb`: bring a folder of articles into the knowledge base, and search it."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer

from agent.errors import BadInput
from serve_app.commands.batch_files import check_can_hold, read_lines, write_whole
from serve_app.commands.progress import show_progress

if TYPE_CHECKING:
    from agent.records import Passage
    from crm.knowledge_review import StaleArticle
    from serve_app.knowledge import Query


def register(app: typer.Typer) -> None:
    kb = typer.Typer(help="The knowledge base.", no_args_is_help=True)
    kb.command()(sync)
    kb.command()(search)
    kb.command()(stale)
    app.add_typer(kb, name="kb")


def sync(
    folder: Annotated[Path, typer.Argument(help="A folder of Markdown, MDX or text files.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Make the knowledge base equal to a folder: only what changed is embedded again, what was deleted goes."""
    from serve_app.knowledge import sync_configured
    from serve_app.settings import load_settings

    with show_progress() as show:
        report = asyncio.run(sync_configured(load_settings(), folder, show))
    _report_unreadable(report.errors)
    counts = {
        "articles": report.articles,
        "changed": report.changed,
        "deleted": report.deleted,
        "chunks_embedded": report.chunks_embedded,
        "unpublished": report.unpublished,
    }
    if as_json:
        typer.echo(json.dumps({**counts, "errors": [str(error) for error in report.errors]}))
    else:
        typer.echo(", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items()))


def stale(
    days: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="Days after which to look again. Default: the setting.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """List the articles that somebody should look at: past their valid_until, or not verified for long or ever."""
    from serve_app.knowledge import stale_articles
    from serve_app.settings import load_settings

    settings = load_settings()
    found = asyncio.run(stale_articles(settings, days or settings.article_review_days))
    if as_json:
        typer.echo(json.dumps([_as_stale(article) for article in found], ensure_ascii=False))
        return
    for article in found:
        typer.echo(f"{_why_stale(article)}  {article.slug}  {article.title}")
    typer.echo(f"{len(found)} to look at" if found else "nothing to look at", err=bool(found))


def _as_stale(article: StaleArticle) -> dict[str, str | None]:
    return {
        "article": article.slug,
        "title": article.title,
        "reason": article.reason.value,
        "last_verified_at": article.last_verified_at.isoformat() if article.last_verified_at else None,
        "valid_until": article.valid_until.isoformat() if article.valid_until else None,
    }


def _why_stale(article: StaleArticle) -> str:
    moment = article.valid_until if article.reason == "expired" else article.last_verified_at
    return f"{article.reason.value.replace('_', ' '):14}  {f'{moment:%Y-%m-%d}' if moment else '-':10}"


def search(
    text: Annotated[str | None, typer.Argument(help="A question. Or give --queries.")] = None,
    kb: Annotated[Path | None, typer.Option(help="A folder to search in a scratch database.")] = None,
    queries: Annotated[Path | None, typer.Option(help='JSON lines {"id", "query"}.')] = None,
    out: Annotated[Path | None, typer.Option(help='For JSON lines {"id", "articles"}; else stdout.')] = None,
    k: Annotated[int, typer.Option("-k", min=1, max=50, help="Articles per question.")] = 5,
    mode: Annotated[str, typer.Option(help="What decides: hybrid, dense or text.")] = "hybrid",
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Find the articles that answer a question, or each question of a file, best first."""
    from crm.knowledge import SearchMode
    from serve_app.knowledge import Query, parse_queries, search_configured, search_folder
    from serve_app.settings import load_settings

    if mode not in list(SearchMode):
        raise BadInput("--mode", "is one of hybrid, dense, text")
    if text is not None and queries is None:
        asked = [Query(None, text)]
    elif queries is not None and text is None:
        asked = read_lines(queries, parse_queries)
    else:
        raise BadInput("fte kb search", "give a question, or --queries with a file of them")
    check_can_hold(out)
    settings = load_settings()
    with show_progress() as show:
        if kb is None:
            found = asyncio.run(search_configured(settings, asked, k, SearchMode(mode), show))
        else:
            found, errors = asyncio.run(search_folder(settings, kb, asked, k, SearchMode(mode), show))
            _report_unreadable(errors)
    if text is None:
        write_whole(out, "".join(_answer(query, passages) for query, passages in zip(asked, found, strict=True)))
    elif as_json:
        typer.echo(json.dumps([_as_record(passage) for passage in found[0]], ensure_ascii=False))
    else:
        _show(found[0])


def _answer(query: Query, passages: list[Passage]) -> str:
    articles = [passage.slug for passage in passages]
    return json.dumps({"id": query.id, "articles": articles}, ensure_ascii=False) + "\n"


def _report_unreadable(errors: tuple[BadInput, ...]) -> None:
    for error in errors:
        typer.echo(f"fte: left out: {error}", err=True)


def _as_record(passage: Passage) -> dict[str, str | float | None]:
    return {
        "article": passage.slug,
        "title": passage.title,
        "section": passage.heading_path,
        "similarity": None if math.isnan(passage.similarity) else round(passage.similarity, 4),
        "score": round(passage.score, 4),
        "text": passage.body,
        "url": passage.url,
    }


def _show(passages: list[Passage]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not passages:
        console.print("nothing found")
        return
    table = Table("similarity", "article", "section", "text")
    for passage in passages:
        opening = " ".join(passage.body.split())
        table.add_row(
            f"{passage.similarity:.2f}", *map(escape, (passage.slug, passage.heading_path, shorten(opening, 160)))
        )
    console.print(table)
