"""Whole conversations through the real pipeline, and how much of the answers the articles say, above floors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from models.conversations import parse_conversations
from serve_app.eval_report import Sets, evaluate_sets
from serve_app.settings import load_settings

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
async def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    assert request.config.cache is not None
    home = Path(request.config.cache.mkdir("eval"))
    settings = load_settings().model_copy(update={"openai_api_key": SecretStr(""), "home": home})
    cases = parse_conversations((HERE / "conversations.jsonl").read_text(encoding="utf-8").splitlines())
    sets = Sets(messages={}, questions=[], conversations=cases, moods={})
    articles = settings.knowledge_dir / "articles"
    return await evaluate_sets(settings, articles, sets, lambda stage, done, total: None, replays=2)


def test_conversations_end_as_they_should(report: dict[str, Any]) -> None:
    section = report["conversations"]
    problems = [(each["id"], each["problems"], each["turns"]) for each in section["failures"]]
    assert section["pass"]["pass^1"] >= 0.9, problems


def test_without_a_language_model_every_replay_is_like_the_first(report: dict[str, Any]) -> None:
    passes = report["conversations"]["pass"]
    assert passes["pass^1"] == passes["pass^2"]


def test_what_is_answered_is_in_the_articles(report: dict[str, Any]) -> None:
    grounded = report["conversations"]["groundedness"]
    assert grounded["answers"] >= 60
    assert grounded["sentences"] >= 0.98
    assert grounded["wholly"] >= 0.95


def test_a_turn_asks_the_model_twice_at_most(report: dict[str, Any]) -> None:
    assert 0 < report["conversations"]["most_model_calls"] <= 2
