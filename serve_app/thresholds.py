"""The thresholds of knowledge/escalation_rules.yaml measured on labelled examples, as curves with a chosen point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.errors import BadInput
from agent.records import ReasonCode

if TYPE_CHECKING:
    from agent.policy.policy import EscalationPolicy
    from agent.ports import Embedder
    from models.evaluation_cases import EvalCase
    from models.thresholds import Curve
    from serve_app.evaluation import Bench
    from serve_app.knowledge import Query

LEAST_MATCHED = 0.97
"""Of the questions that an article answers, the share whose search must count as a match."""
_PASSAGES = 5
# Not of the message's words: what nobody knows, and what lasts.
_OTHERWISE = frozenset({ReasonCode.KNOWLEDGE_GAP, ReasonCode.NEGATIVE_SENTIMENT})


async def measure_meaning(policy: EscalationPolicy, embedder: Embedder, cases: Sequence[EvalCase]) -> Curve:
    """How far labelled messages lead the ordinary; those with a history are decided by more than their words.

    Raises BadInput where messages of one kind are missing, and EmbeddingAway.
    """
    from models.thresholds import widest_gap

    must: list[float] = []
    may: list[float] = []
    for case in cases:
        if case.history or case.expected_action is None or case.expected_reason in _OTHERWISE:
            continue
        lead = policy.lead(case.text, await embedder.embed((case.text, *policy.parts(case.text))))
        (must if case.expected_action == "escalate" else may).append(lead)
    if not must or not may:
        raise BadInput("--cases", "needs messages that go to a person and messages that do not, each with its label")
    return widest_gap(must, may)


async def measure_match(bench: Bench, answerable: Sequence[Query], unanswerable: Sequence[Query]) -> Curve:
    """How near the nearest passage is to questions that an article answers, and to those that none does.

    Raises ValueError without a question of each kind.
    """
    from crm.knowledge import SearchMode
    from models.thresholds import most_kept
    from serve_app.knowledge import Searcher

    searcher = Searcher(bench.settings, bench.database, bench.model, SearchMode.HYBRID)
    nearest = []
    for questions in (answerable, unanswerable):
        found = await searcher.search(questions, _PASSAGES, bench.on_progress)
        nearest.append([max((p.similarity for p in ps if not math.isnan(p.similarity)), default=-1.0) for ps in found])
    return most_kept(*nearest, least_recall=LEAST_MATCHED)
