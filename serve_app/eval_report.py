"""The whole evaluation of the project's own sets, its report, and the one before it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import BadInput
from serve_app.evaluation import Bench, OnProgress, open_bench
from serve_app.settings import Settings

if TYPE_CHECKING:
    from agent.turn.model_use import Prices
    from models.conversations import ConversationCase
    from models.evaluation_cases import EvalCase
    from models.metering import Usage
    from models.moods import MoodCase
    from models.retrieval import RetrievalQuestion
    from serve_app.replaying import CustomerOf

FORMAT = 1
JUDGED_MODE = "hybrid"


@dataclass(frozen=True, slots=True)
class Sets:
    """What is evaluated, each kind by the name of its set."""

    messages: Mapping[str, list[EvalCase]]
    questions: list[RetrievalQuestion]
    conversations: list[ConversationCase]
    moods: Mapping[str, list[MoodCase]]


async def evaluate_sets(
    settings: Settings,
    articles: Path,
    sets: Sets,
    on_progress: OnProgress,
    *,
    replays: int,
    customer: str = "script",
    prices: Prices | None = None,
) -> dict[str, Any]:
    """The report as plain JSON values. Raises BadInput for a folder without articles or a customer that cannot be
    played, DependencyAway."""
    began = time.perf_counter()
    customer_of = _customer_of(settings, customer)
    async with open_bench(settings, articles, on_progress) as bench:
        report = {
            "format": FORMAT,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "configuration": {
                "language_model": settings.openai_model if settings.openai_api_key.get_secret_value() else "offline",
                "embedding_model": bench.model.model_id,
                "articles": len(bench.articles),
                "replays": replays,
                "customer": customer,
            },
            **await _measure(bench, sets, replays, customer_of),
            "spend": {
                "model_calls": bench.usage.calls,
                "input_tokens": bench.usage.input_tokens,
                "output_tokens": bench.usage.output_tokens,
                "cost": None if prices is None else _cost(prices, bench.usage),
            },
        }
    return {**report, "seconds": round(time.perf_counter() - began, 1)}


async def _measure(bench: Bench, sets: Sets, replays: int, customer_of: CustomerOf) -> dict[str, Any]:
    from models.moods import mood_of
    from models.report.figures import conversation_section, message_section, mood_section, retrieval_section
    from serve_app.mood_scorer import MoodScorer

    sections: dict[str, Any] = {}
    async with bench.open_services() as services:
        messages = {}
        for name, cases in sets.messages.items():
            messages[name] = message_section(cases, *await bench.observe(cases, services))
        sections["messages"] = messages
        if sets.conversations:
            replayed = await bench.replay(sets.conversations, replays, services, customer_of)
            sections["conversations"] = conversation_section(sets.conversations, replayed)
        sentiment = {}
        for name, moods in sets.moods.items():
            scores = await MoodScorer(services).score([each.text for each in moods])
            found = [mood_of(score, services.policy.negative_threshold) for score in scores]
            sentiment[name] = mood_section(moods, found)
        sections["sentiment"] = sentiment
    if sets.questions:
        found_by_mode = await bench.retrieve(sets.questions)
        sections["retrieval"] = retrieval_section(sets.questions, found_by_mode, JUDGED_MODE)
    return sections


def _cost(prices: Prices, usage: Usage) -> float:
    """In the currency of the prices."""
    return prices.cost_micros(usage.input_tokens, usage.output_tokens) / 1_000_000


def _customer_of(settings: Settings, customer: str) -> CustomerOf:
    """Raises BadInput for a model's customer without a model."""
    from models.conversations import ScriptedCustomer

    if customer == "script":
        return ScriptedCustomer
    key = settings.openai_api_key.get_secret_value()
    if not key:
        raise BadInput("--customer", "a customer played by a model needs OPENAI_API_KEY")
    from openai import AsyncOpenAI

    from models.simulated_customer import ModelCustomer

    client = AsyncOpenAI(api_key=key, base_url=settings.openai_base_url or None, timeout=settings.times.model_timeout_s)
    return lambda case: ModelCustomer(client, settings.openai_model, case)


def read_report(file: Path) -> dict[str, Any]:
    """Raises BadInput for what is no report of this format."""
    try:
        report: Any = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(str(file), f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(str(file), "is no report") from error
    if not isinstance(report, dict) or report.get("format") != FORMAT:
        raise BadInput(str(file), "is no report of this version of `fte eval`")
    return report


def find_last(folder: Path) -> dict[str, Any] | None:
    """The report that the last run left in the folder; one of another version counts as none."""
    try:
        return read_report(folder / "report.json")
    except BadInput:
        return None


def write_report(folder: Path, report: Mapping[str, Any], page: str) -> None:
    """`report.json` and `report.html`, each whole or not at all. Raises BadInput where they cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in (("report.json", json.dumps(report, ensure_ascii=False, indent=1)), ("report.html", page)):
            part = folder / f"{name}.{os.getpid()}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(folder / name)
    except OSError as error:
        raise BadInput("--report", f"{folder} cannot be written: {error.strerror}") from error
