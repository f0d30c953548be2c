"""`fte kb` with the real model: the batch contract, one question, and what people get wrong."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner, Result

from agent.errors import BadInput, ConfigurationInvalid
from crm.embedded import EmbeddedServer
from crm.migrations import migrate
from serve_app.cli import app
from serve_app.settings import load_settings
from serve_app.supervisor.data import FollowedKnowledge

PAGES = {
    "work/sprints.md": "---\ntitle: Sprints\n---\nComplete a sprint; unfinished tasks move to the backlog.",
    "account/password.mdx": "import X from 'x'\n\n# Password\n\n<X/>Choose **Forgot password** and open the mail.",
    "export.txt": "Download all your tasks as a spreadsheet from the menu.",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    for name, text in PAGES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def fte(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["kb", *map(str, arguments)])


def test_a_file_of_questions_is_answered_line_by_line_in_order(folder: Path, tmp_path: Path) -> None:
    questions = [
        {"id": "b", "query": "I forgot my login secret"},
        {"id": 7, "query": "get everything out into Excel", "note": "ignored"},
        {"id": "empty", "query": " "},
        {"id": "ü", "query": "the iteration is over but work is left. " * 60},
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(line) for line in questions) + "\n\n")
    (folder / "broken.md").write_bytes(b"\xff\xff")
    result = fte("search", "--kb", folder, "--queries", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl", "-k", 2)
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["b", 7, "empty", "ü"]
    assert [line["articles"][:1] for line in lines] == [["account/password"], ["export"], [], ["work/sprints"]]
    assert all(set(line) == {"id", "articles"} and len(line["articles"]) <= 2 for line in lines)
    assert "broken.md" in result.stderr
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('{"id": "a", "query": "x"}\nnot json', "line 2"),
        ('{"id": "a"}', "line 1: query"),
        ('{"id": "a", "query": 5}', "line 1: query"),
        ('{"id": null, "query": "x"}', "line 1: id"),
        ("[1]", "line 1"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(folder: Path, tmp_path: Path, lines: str, problem: str) -> None:
    (tmp_path / "in.jsonl").write_text(lines)
    result = fte("search", "--kb", folder, "--queries", tmp_path / "in.jsonl", "--out", tmp_path / "out.jsonl")
    assert isinstance(result.exception, BadInput)
    assert problem in str(result.exception)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["search"], "give a question"),
        (["search", "x", "--queries", "y"], "give a question"),
        (["search", "x", "--mode", "magic"], "hybrid, dense, text"),
        (["search", "x", "--kb", "/nowhere"], "is not a folder"),
        (["search", "--queries", "/nowhere.jsonl"], "cannot be read"),
        (["search", "x", "--out", "/nowhere/out.jsonl"], "does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], problem: str) -> None:
    result = fte(*arguments)
    assert isinstance(result.exception, BadInput)
    assert problem in str(result.exception)
    assert "\n" not in str(result.exception)


def test_without_a_database_the_sentence_says_what_to_start(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POSTGRES_HOST", raising=False)
    load_settings.cache_clear()
    try:
        result = fte("sync", folder)
    finally:
        load_settings.cache_clear()
    assert isinstance(result.exception, ConfigurationInvalid)
    assert "fte up" in str(result.exception)


def test_sync_fills_the_configured_base_and_search_reads_it(
    folder: Path, tmp_path: Path, postgres_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = postgres_server.start("kb_command")
    asyncio.run(migrate(dsn))
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    monkeypatch.setenv("POSTGRES_HOST", parse_qs(urlsplit(dsn).query)["host"][0])
    monkeypatch.setenv("POSTGRES_DB", "kb_command")
    load_settings.cache_clear()
    try:
        first = fte("sync", folder, "--json")
        again = fte("sync", folder)
        found = fte("search", "how do I reset my password", "--json")
        table = fte("search", "how do I reset my password")
        stale, listed = fte("stale", "--json"), fte("stale", "--days", "30")
        kept_to = FollowedKnowledge(load_settings())
    finally:
        load_settings.cache_clear()
    assert json.loads(first.stdout) == {
        "articles": 3, "changed": 3, "deleted": 0, "chunks_embedded": 3, "unpublished": 0, "errors": [],
    }  # fmt: skip
    assert (kept_to.folder, kept_to.changed) == (folder, False), "by the next start"
    assert again.stdout == "3 articles, 0 changed, 0 deleted, 0 chunks embedded, 0 unpublished\n"
    best = json.loads(found.stdout)[0]
    assert best["article"] == "account/password"
    assert best["text"] == "Choose **Forgot password** and open the mail."
    assert "account/password" in table.stdout
    # The folder's articles say nothing of when they were verified.
    assert {(record["reason"], record["valid_until"]) for record in json.loads(stale.stdout)} == {
        ("never_verified", None)
    }
    assert len(json.loads(stale.stdout)) == 3
    assert "never verified" in listed.stdout
    assert "account/password" in listed.stdout
    assert "3 to look at" in listed.stderr
