"""`fte eval` with the real model and a small knowledge base: the batch contract, the figures, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agent.errors import BadInput
from agent.records import ReasonCode
from serve_app.cli import app

ARTICLES = {
    "sprints.md": "# Sprints\n\n## Start a sprint\n\n1. Open the board.\n2. Choose **Start sprint**.\n",
    "password.md": "# Password\n\n## Reset your password\n\n1. Choose **Forgot password**.\n2. Open the mail.\n",
}
CASES: list[dict[str, Any]] = [
    {"id": "z", "channel": "web_form", "text": "How do I start a sprint?", "expected_action": "reply"},
    {"id": 3, "channel": "email", "text": "I want my money back.", "expected_action": "escalate",
     "expected_reason": "refund_request"},
    {"id": "history", "channel": "whatsapp", "text": "where is the mail?",
     "history": [{"author": "customer", "text": "How do I reset my password?"}, {"author": "fte", "text": "Like so."}]},
]  # fmt: skip


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, text in ARTICLES.items():
        (folder / name).write_text(text)
    return folder


def fte_eval(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def write_cases(folder: Path, lines: str) -> Path:
    file = folder / "in.jsonl"
    file.write_text(lines, encoding="utf-8")
    return file


def test_every_case_has_one_line_in_order_and_labelled_ones_are_scored(articles: Path, tmp_path: Path) -> None:
    cases = write_cases(tmp_path, "\n".join(json.dumps(case) for case in CASES) + "\n\n")
    out = tmp_path / "out.jsonl"
    result = fte_eval("--cases", cases, "--out", out, "--kb", articles, "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["z", 3, "history"]
    for line in lines:
        assert set(line) == {"id", "action", "reason_code", "sentiment", "articles", "reply"}
        assert (line["action"] == "escalate") == (line["reason_code"] is not None)
        assert line["reason_code"] is None or line["reason_code"] in set(ReasonCode)
        assert -1 <= line["sentiment"] <= 1
        assert line["reply"]
    sprint, refund, _ = lines
    assert (sprint["action"], sprint["articles"]) == ("reply", ["sprints"])
    assert "Start sprint" in sprint["reply"]
    assert (refund["action"], refund["reason_code"], refund["articles"]) == ("escalate", "refund_request", [])
    figures = json.loads(result.stdout)["in"]
    assert figures["cases"] == 2
    assert figures["accuracy"] == 1.0
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("not json", "line 1"),
        ('{"id": "a", "channel": "web_form"}', "line 1"),
        ('{"id": "a", "channel": "fax", "text": "x"}', "line 1"),
        ('{"id": "a", "channel": "email", "text": "x"}\n{"id": "b", "channel": "email", "text": 5}', "line 2"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(articles: Path, tmp_path: Path, lines: str, problem: str) -> None:
    out = tmp_path / "out.jsonl"
    result = fte_eval("--cases", write_cases(tmp_path, lines), "--out", out, "--kb", articles)
    assert isinstance(result.exception, BadInput)
    assert problem in str(result.exception)
    assert not out.exists()


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    good = write_cases(tmp_path, json.dumps(CASES[0]))
    for arguments, problem in (
        (["--cases", tmp_path / "none.jsonl"], "cannot be read"),
        (["--cases", tmp_path / "latin.jsonl"], "UTF-8"),
        (["--cases", good, "--out", tmp_path / "no" / "out.jsonl"], "does not exist"),
    ):
        result = fte_eval(*arguments)
        assert isinstance(result.exception, BadInput), arguments
        assert problem in str(result.exception)
