"""The sections of a report, each counted from what was decided, found, scored or replayed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.conversations import ConversationCase, Replay, score_conversations
from models.evaluation import ESCALATE, EvalResult, is_right, score_results
from models.evaluation_cases import EvalCase
from models.moods import Mood, MoodCase
from models.retrieval import RetrievalQuestion

Section = dict[str, Any]

_RANKS = (1, 3, 5, 10)
_QUOTED_CHARS = 400


@dataclass(frozen=True, slots=True)
class Observed:
    """What a decision cost and how much of it its articles say. `supported` of `sentences` are 0 of 0 for what is no
    answer; `ms` is the turn without database writes."""

    ms: float
    model_calls: int
    supported: int = 0
    sentences: int = 0


def message_section(cases: Sequence[EvalCase], results: Sequence[EvalResult], observed: Sequence[Observed]) -> Section:
    """Decisions about labelled messages: shares, reasons, confusion, and every case that went wrong."""
    pairs = list(zip(cases, results, strict=True))
    labelled = [(case, result) for case, result in pairs if case.expected_action is not None]
    cited = [
        not set(case.expected_articles).isdisjoint(result.articles) for case, result in pairs if case.expected_articles
    ]
    return {
        **score_results(cases, results).as_record(),
        "cited_right": share(cited),
        "cited_cases": len(cited),
        "confusion": _confusion((_expected(case), _given(result)) for case, result in labelled),
        "groundedness": groundedness(observed),
        "latency_ms": percentiles([each.ms for each in observed]),
        "model_calls": sum(each.model_calls for each in observed),
        "most_model_calls": max((each.model_calls for each in observed), default=0),
        "failures": [_message_failure(case, result) for case, result in labelled if not is_right(case, result)],
    }


def retrieval_section(
    questions: Sequence[RetrievalQuestion], found: Mapping[str, Sequence[Sequence[str]]], judged: str
) -> Section:
    """What each mode of search found, best first. Questions that the mode `judged` has not in its first five fail."""
    ranks = {
        mode: [_rank(q, slugs) for q, slugs in zip(questions, all_found, strict=True)]
        for mode, all_found in found.items()
    }
    modes = {
        mode: {
            **{f"hit@{k}": share([0 < rank <= k for rank in each]) for k in _RANKS},
            "mrr": round(sum(1 / rank for rank in each if rank) / len(each), 4),
        }
        for mode, each in ranks.items()
    }
    failures = [
        {"id": str(question.id), "text": question.query, "expected": question.articles, "got": list(slugs[:5])}
        for question, rank, slugs in zip(questions, ranks[judged], found[judged], strict=True)
        if not 0 < rank <= 5
    ]
    return {"questions": len(questions), "modes": modes, "failures": failures}


def mood_section(cases: Sequence[MoodCase], moods: Sequence[Mood]) -> Section:
    pairs = list(zip(cases, moods, strict=True))
    failures = [
        {"id": f"{number}", "text": case.text, "expected": case.mood.value, "got": mood.value}
        for number, (case, mood) in enumerate(pairs, 1)
        if case.mood is not mood
    ]
    return {
        "cases": len(pairs),
        "accuracy": share([case.mood is mood for case, mood in pairs]),
        "confusion": _confusion((case.mood.value, mood.value) for case, mood in pairs),
        "failures": failures,
    }


def conversation_section(cases: Sequence[ConversationCase], replays: Mapping[str, Sequence[Replay]]) -> Section:
    """Replays of conversations; one fails when any of its replays does."""
    turns = [turn for runs in replays.values() for run in runs for turn in run.turns]
    fewest = min(len(runs) for runs in replays.values())
    about = {case.id: case.about for case in cases}
    failures = [
        {
            "id": key,
            "text": about[key],
            "expected": f"{len(runs)} passes",
            "got": f"{sum(run.passed for run in runs)} passes",
            "problems": sorted({problem for run in runs for problem in run.problems}),
            "turns": _transcript(next(run for run in runs if not run.passed)),
        }
        for key, runs in replays.items()
        if not all(run.passed for run in runs)
    ]
    return {
        "cases": len(replays),
        "replays": fewest,
        "pass": score_conversations(replays, min(4, fewest)),
        "turns": len(turns),
        "groundedness": groundedness(turns),
        "latency_ms": percentiles([turn.ms for turn in turns]),
        "model_calls": sum(turn.model_calls for turn in turns),
        "most_model_calls": max((turn.model_calls for turn in turns), default=0),
        "failures": failures,
    }


def groundedness(turns: Iterable[Any]) -> Section:
    """Of what has sentences to support: answers, the share wholly supported, and the share of sentences."""
    answers = [(turn.supported, turn.sentences) for turn in turns if turn.sentences]
    return {
        "answers": len(answers),
        "wholly": share([supported == sentences for supported, sentences in answers]),
        "sentences": _ratio(sum(supported for supported, _ in answers), sum(sentences for _, sentences in answers)),
    }


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """By the nearest rank, in the values' unit."""
    ordered = sorted(values)
    return {
        f"p{percent}": round(ordered[math.ceil(percent / 100 * len(ordered)) - 1], 2) if ordered else None
        for percent in (50, 90, 95, 99)
    }


def share(hits: Sequence[bool]) -> float | None:
    return _ratio(sum(hits), len(hits))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _confusion(pairs: Iterable[tuple[str, str]]) -> list[Section]:
    counts = Counter(pairs)
    return [
        {"expected": expected, "given": given, "cases": counts[expected, given]} for expected, given in sorted(counts)
    ]


def _expected(case: EvalCase) -> str:
    if case.expected_action != ESCALATE:
        return "reply"
    return case.expected_reason.value if case.expected_reason else "any reason"


def _given(result: EvalResult) -> str:
    return result.reason_code or "reply"


def _message_failure(case: EvalCase, result: EvalResult) -> Section:
    return {
        "id": str(case.case_id),
        "channel": case.channel.value,
        "text": _quoted(case.text),
        "expected": _expected(case),
        "got": _given(result),
        "reply": _quoted(result.reply),
    }


def _transcript(replay: Replay) -> list[str]:
    """What each turn of a replay did, for who looks into it."""
    return [
        f"{number}. {turn.action} ({turn.reason}){f', from {turn.articles[0]}' if turn.articles else ''}: "
        f"{_quoted(' '.join(turn.reply.split()))}"
        for number, turn in enumerate(replay.turns, 1)
    ]


def _rank(question: RetrievalQuestion, slugs: Sequence[str]) -> int:
    """The place of the first right article from 1; 0 where none is among the first ten."""
    return next((place for place, slug in enumerate(slugs[:10], 1) if slug in question.articles), 0)


def _quoted(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else f"{text[:_QUOTED_CHARS]}…"
