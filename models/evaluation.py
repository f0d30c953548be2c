"""Deciding many cases and scoring the decisions. Nothing is stored: a decision is only looked at."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.records import OutcomeKind, TurnDecision
from models.evaluation_cases import EvalCase

REPLY, ESCALATE = "reply", "escalate"

Decide = Callable[[EvalCase], Awaitable[TurnDecision]]


@dataclass(frozen=True, slots=True)
class EvalResult:
    """A decision as evaluation reports it. `reason_code` is None when the FTE replies."""

    case_id: str | int
    action: str
    reason_code: str | None
    sentiment: float
    articles: tuple[str, ...]
    reply: str

    def as_line(self) -> str:
        """One line of JSON, in the contract's order of keys."""
        record = {
            "id": self.case_id,
            "action": self.action,
            "reason_code": self.reason_code,
            "sentiment": self.sentiment,
            "articles": list(self.articles),
            "reply": self.reply,
        }
        return json.dumps(record, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of labelled cases; a share of nothing is None."""

    cases: int
    accuracy: float | None
    """Cases with the right action, and the right reason where one is expected."""
    escalation_recall: float | None
    """Of what must go to a person, what does."""
    false_escalations: float | None
    """Of what may be answered, what goes to a person."""
    reason_accuracy: float | None
    """Of what must go to a person for a stated reason, what goes there for that reason."""
    reasons: Mapping[str, Mapping[str, float | int | None]]
    """By reason code: cases expected, recall, precision."""

    def as_record(self) -> dict[str, Any]:
        return {
            "cases": self.cases,
            "accuracy": self.accuracy,
            "escalation_recall": self.escalation_recall,
            "false_escalations": self.false_escalations,
            "reason_accuracy": self.reason_accuracy,
            "reasons": {reason: dict(figures) for reason, figures in self.reasons.items()},
        }


async def run_cases(
    cases: Sequence[EvalCase],
    decide: Decide,
    *,
    concurrency: int = 4,
    on_done: Callable[[], None] = lambda: None,
) -> list[EvalResult]:
    """Decide every case, some at once; results in the order of the cases. The first error ends the run."""
    slots = asyncio.Semaphore(concurrency)

    async def run(case: EvalCase) -> EvalResult:
        async with slots:
            result = as_result(case, await decide(case))
        on_done()
        return result

    tasks = [asyncio.create_task(run(case)) for case in cases]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def as_result(case: EvalCase, decision: TurnDecision) -> EvalResult:
    escalated = decision.kind is OutcomeKind.ESCALATION
    reason = decision.escalation.reason_code.value if decision.escalation else decision.reason
    return EvalResult(
        case_id=case.case_id,
        action=ESCALATE if escalated else REPLY,
        reason_code=reason if escalated else None,
        sentiment=round(decision.sentiments[-1], 4) if decision.sentiments else 0.0,
        articles=decision.articles,
        reply=decision.reply,
    )


def score_results(cases: Sequence[EvalCase], results: Sequence[EvalResult]) -> Figures:
    """Compare with what the cases expect; cases that expect nothing are left out."""
    pairs = [(case, result) for case, result in zip(cases, results, strict=True) if case.expected_action is not None]
    handed = [(case, result) for case, result in pairs if case.expected_action == ESCALATE]
    answered = [result for case, result in pairs if case.expected_action == REPLY]
    reasoned = [(case, result) for case, result in handed if case.expected_reason is not None]
    return Figures(
        cases=len(pairs),
        accuracy=_share([is_right(case, result) for case, result in pairs]),
        escalation_recall=_share([result.action == ESCALATE for _, result in handed]),
        false_escalations=_share([result.action == ESCALATE for result in answered]),
        reason_accuracy=_share([result.reason_code == case.expected_reason for case, result in reasoned]),
        reasons=_by_reason(pairs),
    )


def is_right(case: EvalCase, result: EvalResult) -> bool:
    if case.expected_action != result.action:
        return False
    return case.expected_reason is None or case.expected_reason == result.reason_code


def _by_reason(pairs: Sequence[tuple[EvalCase, EvalResult]]) -> dict[str, dict[str, float | int | None]]:
    expected = Counter(case.expected_reason.value for case, _ in pairs if case.expected_reason)
    given = Counter(result.reason_code for _, result in pairs if result.reason_code)
    right = Counter(
        result.reason_code
        for case, result in pairs
        if result.reason_code and case.expected_reason == result.reason_code
    )
    return {
        reason: {
            "cases": expected[reason],
            "recall": right[reason] / expected[reason] if expected[reason] else None,
            "precision": right[reason] / given[reason] if given[reason] else None,
        }
        for reason in sorted({*expected, *given})
    }


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None
