"""Conversations as data, what counts as a problem, and the estimate of pass^k."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from agent.errors import BadInput
from agent.records import ConversationState, ReasonCode
from agent.reply.draft import ReplyKind
from models.conversations import (
    EndSeen,
    Expected,
    ExpectedEnd,
    Replay,
    ScriptedCustomer,
    TurnSeen,
    find_end_problems,
    find_problems,
    parse_conversations,
    pass_hat,
    score_conversations,
)

CASE: dict[str, Any] = {
    "id": "a-case",
    "channel": "whatsapp",
    "about": "what it tries",
    "goal": "You want something.",
    "steps": [
        {"customer": ["How do I export?"], "expect": {"action": "reply", "articles": ["export"]}},
        {"person": "take"},
    ],
    "end": {"states": ["open"]},
}
ANSWER = TurnSeen("reply", "answer", ("export",), "Choose **Export**, it’s quick.", 12.0, 1)


def parse(**changes: Any) -> list[Any]:
    return parse_conversations([json.dumps(CASE | changes), ""])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"id": "A case"}, "id"),
        ({"channel": "fax"}, "channel"),
        ({"steps": []}, "steps"),
        ({"steps": [{"person": "take"}]}, "the customer writes first"),
        ({"steps": [{"customer": []}]}, "steps"),
        ({"steps": [{"customer": ["x"], "expects": {}}]}, "steps"),
        ({"steps": [{"customer": ["x"], "expect": {"reason": "legal_issue"}}]}, "belongs to the action"),
        ({"steps": [{"customer": ["x"], "expect": {"action": "held", "articles": ["a"]}}]}, "belong to the action"),
        ({"end": {"states": []}}, "end"),
        ({"end": {"states": ["closed"]}}, "end"),
    ],
)
def test_a_bad_conversation_is_named(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(**changes)
    assert problem in str(caught.value)
    assert caught.value.field == "line 1"


def test_an_id_names_one_conversation() -> None:
    with pytest.raises(BadInput, match="a-case"):
        parse_conversations([json.dumps(CASE)] * 2)


async def test_a_scripted_customer_follows_its_steps_and_then_goes() -> None:
    (case,) = parse()
    customer = ScriptedCustomer(case)
    assert [await customer.next_step([]) for _ in range(3)] == [*case.steps, None]


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Expected(action="reply", kinds=(ReplyKind.ANSWER,), articles=("export", "import")), None),
        (Expected(says=("it's QUICK",), never=("refund",)), None),
        (Expected(action="escalate"), "instead of escalate"),
        (Expected(action="reply", kinds=(ReplyKind.SMALL_TALK,)), "instead of small_talk"),
        (Expected(action="reply", articles=("import",)), "cites export instead of import"),
        (Expected(says=("refund",)), "does not say"),
        (Expected(never=("choose **export",)), "says"),
    ],
)
def test_a_turn_is_held_against_what_is_expected(expected: Expected, problem: str | None) -> None:
    problems = find_problems(expected, ANSWER)
    assert (problems == []) if problem is None else (problem in problems[0])


def test_words_that_are_never_said_hold_for_every_turn() -> None:
    assert find_problems(Expected(), ANSWER, never=("quick",)) == ["says 'quick'"]


def test_a_wrong_reason_is_a_problem_and_so_is_a_wrong_end() -> None:
    handed = replace(ANSWER, action="escalate", reason="legal_issue")
    assert find_problems(Expected(action="escalate", reason=ReasonCode.LEGAL_ISSUE), handed) == []
    assert find_problems(Expected(action="escalate", reason=ReasonCode.CHURN_RISK), handed) != []
    end = ExpectedEnd(states=(ConversationState.ESCALATED,), reason=ReasonCode.LEGAL_ISSUE)
    assert find_end_problems(end, EndSeen(ConversationState.ESCALATED, "legal_issue")) == []
    assert len(find_end_problems(end, EndSeen(ConversationState.OPEN, None))) == 2


@pytest.mark.parametrize(("passes", "replays", "k"), [(3, 4, 1), (3, 4, 2), (5, 8, 3), (0, 4, 1), (4, 4, 4), (2, 4, 3)])
def test_pass_hat_is_the_share_of_draws_that_all_pass(passes: int, replays: int, k: int) -> None:
    outcomes = [True] * passes + [False] * (replays - passes)
    draws = [all(draw) for draw in itertools.combinations(outcomes, k)]
    assert pass_hat(passes, replays, k) == pytest.approx(sum(draws) / len(draws))


@pytest.mark.parametrize(("passes", "replays", "k"), [(1, 2, 3), (3, 2, 1), (1, 2, 0), (-1, 2, 1)])
def test_what_cannot_be_estimated_is_not(passes: int, replays: int, k: int) -> None:
    with pytest.raises(ValueError, match="cannot be told"):
        pass_hat(passes, replays, k)


def test_conversations_are_averaged() -> None:
    good, bad = Replay((ANSWER,), ()), Replay((ANSWER,), ("turn 1: wrong",))
    scores = score_conversations({"a": [good] * 4, "b": [good, good, bad, bad]})
    assert scores == {"pass^1": 0.75, "pass^2": round((1 + 1 / 6) / 2, 4), "pass^3": 0.5, "pass^4": 0.5}
    with pytest.raises(ValueError, match="no conversation"):
        score_conversations({})
