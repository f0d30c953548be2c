"""`fte eval` with the real model and a small knowledge base: the batch contract, the figures, and bad input."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agent.errors import BadInput
from agent.records import ReasonCode
from serve_app.cli import app
from serve_app.settings import CHECKOUT, load_settings

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


@pytest.fixture(autouse=True)
def home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Where the tests of the labelled sets keep their exemplars' vectors, and not the checkout's own."""
    assert request.config.cache is not None
    monkeypatch.setenv("FTE_HOME", str(request.config.cache.mkdir("eval")))
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


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


@pytest.fixture
def own_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A checkout with the shipped knowledge and small sets of its own; no language model is configured."""
    sets = tmp_path / "checkout" / "tests" / "eval"
    (sets / "sentiment").mkdir(parents=True)
    (tmp_path / "checkout" / "knowledge").symlink_to(CHECKOUT / "knowledge")
    conversation = {
        "id": "held", "channel": "email", "about": "held", "goal": "Your money back.", "subject": "Money",
        "steps": [
            {"customer": ["I want my money back."], "expect": {"action": "escalate", "reason": "refund_request"}},
            {"customer": ["Did you see my message?"], "expect": {"action": "held"}},
            {"customer": ["Hello?"], "expect": {"action": "silent"}},
            {"person": "take"},
            {"person": "hand_back", "text": "Refunded."},
            {"customer": ["How do I export a board?"], "expect": {"action": "reply", "articles": ["export-data"]}},
            {"customer": ["Thanks, that worked."], "expect": {"action": "escalate"}},
        ],
        "end": {"states": ["resolved"], "reason": "refund_request"},
    }  # fmt: skip
    for name, records in {
        "own.jsonl": CASES[:2],
        "retrieval.jsonl": [{"id": "r", "query": "tasks that come back every week", "articles": ["recurring-tasks"]}],
        "conversations.jsonl": [conversation],
        "sentiment/moods.jsonl": [{"mood": "upset", "text": "This is terrible, I am furious."}],
    }.items():
        (sets / name).write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    monkeypatch.setattr("serve_app.settings.CHECKOUT", tmp_path / "checkout")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    load_settings.cache_clear()
    yield sets
    load_settings.cache_clear()


def test_the_own_sets_give_a_report_that_says_what_changed(own_sets: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    folder.mkdir()
    before = {"format": 1, "created_at": "before", "messages": {"own": {"accuracy": 0.5, "failures": [{"id": "z"}]}}}
    (folder / "report.json").write_text(json.dumps(before))
    result = fte_eval("--report", folder, "--replays", 2, "--prices", 1, 2, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["messages"]["own"]["accuracy"] == 1.0
    assert report["retrieval"]["modes"]["hybrid"]["hit@5"] == 1.0
    assert report["sentiment"]["moods"]["accuracy"] == 1.0
    (failure,) = report["conversations"]["failures"]
    assert failure["problems"] == ["turn 5: reply (small_talk) instead of escalate"], "the one that is labelled wrongly"
    assert report["conversations"]["pass"] == {"pass^1": 0.0, "pass^2": 0.0}
    assert report["conversations"]["groundedness"]["sentences"] == 1.0
    assert report["spend"]["model_calls"] > 0
    assert report["spend"]["cost"] == 0.0, "the offline model reports no tokens"
    assert report["comparison"]["newly_passing"] == {"messages.own": ["z"]}
    assert report["comparison"]["newly_failing"] == {"conversations": ["held"]}
    kept = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert kept == {name: value for name, value in report.items() if name != "comparison"}
    assert "Evaluation" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--customer", "nobody"], "script or model"),
        (["--customer", "model"], "OPENAI_API_KEY"),
        (["--baseline", "none.json"], "cannot be read"),
        (["--prices", -1, 2], "negative"),
    ],
)
def test_bad_options_of_a_report_are_named(own_sets: Path, tmp_path: Path, arguments: list[Any], problem: str) -> None:
    result = fte_eval("--report", tmp_path / "report", *arguments)
    assert isinstance(result.exception, BadInput)
    assert problem in str(result.exception)
    assert not (tmp_path / "report").exists()
