"""Evaluation: reading cases, the context of a case, running in order, and scoring."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from agent.errors import BadInput, ModelAway
from agent.records import (
    Author,
    Channel,
    EscalationRequest,
    OutcomeKind,
    ReasonCode,
    Severity,
    Team,
    TurnDecision,
)
from models.evaluation import run_cases, score_results
from models.evaluation_cases import EvalCase, case_context, parse_cases


class ByWord:
    """-0.8 for a text with 'angry', else 0."""

    async def score(self, texts: Sequence[str]) -> list[float]:
        return [-0.8 if "angry" in text else 0.0 for text in texts]


def line(**fields: object) -> str:
    return json.dumps({"id": "a", "channel": "email", "text": "How?", **fields})


def escalation(reason: ReasonCode) -> TurnDecision:
    return TurnDecision(
        kind=OutcomeKind.ESCALATION,
        reason=reason.value,
        reply="A person will answer.",
        escalation=EscalationRequest(reason, Team.GENERAL, Severity.P3, "summary"),
        sentiments=(-0.12345,),
    )


REPLY = TurnDecision(kind=OutcomeKind.REPLY, reason="answer", reply="Like so: é.", articles=("boards",))


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("no json", "line 2: is no JSON object"),
        ("[1]", "line 2: is no JSON object"),
        (line(id=None), "line 2: 'id'"),
        (line(id=True), "line 2: 'id'"),
        (line(text=" "), "line 2: 'text'"),
        (line(text=3), "line 2: 'text'"),
        (line(channel="fax"), "line 2: 'channel'"),
        (line(channel=None), "line 2: 'channel'"),
        (line(history="angry"), "line 2: 'history'"),
        (line(history=[{"role": "user"}]), "line 2, history 1: has no text"),
        (line(history=["fine", 7]), "line 2, history 2: must be"),
        (line(expected_action="ignore"), "line 2: 'expected_action'"),
        (line(expected_reason="boredom"), "line 2: 'expected_reason'"),
    ],
)
def test_a_bad_line_is_named(bad: str, named: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_cases([line(), bad])
    assert str(caught.value).startswith(named)


def test_ids_keep_their_type_and_empty_lines_are_skipped() -> None:
    cases = parse_cases([line(id=7), "", line(id="7"), "  "])
    assert [case.case_id for case in cases] == [7, "7"]


@pytest.mark.parametrize(("name", "channel"), [("Web-Form", Channel.WEB_FORM), ("gmail", Channel.EMAIL)])
def test_channels_are_read_leniently(name: str, channel: Channel) -> None:
    assert parse_cases([line(channel=name)])[0].channel is channel


def test_history_says_who_wrote_in_many_ways() -> None:
    history = [
        "as the customer",
        "Agent: an answer",
        {"role": "user", "content": "mine"},
        {"direction": "outbound", "body": "ours"},
        {"author": "person", "text": "a colleague"},
        {"text": "unsaid", "sentiment": -0.5},
    ]
    [case] = parse_cases([line(history=history)])
    customer, fte, person = Author.CUSTOMER, Author.FTE, Author.PERSON
    assert [message.author for message in case.history] == [customer, fte, customer, fte, person, customer]
    assert case.history[1].text == "an answer"
    assert case.history[5].sentiment == -0.5


async def context_streak(*history: object) -> int:
    [case] = parse_cases([line(history=list(history))])
    return (await case_context(case, ByWord(), -0.3)).negative_streak


async def test_upset_messages_at_the_end_of_the_history_make_the_streak() -> None:
    answer = {"role": "agent", "text": "an angry word of ours does not count"}
    assert await context_streak() == 0
    assert await context_streak("angry", answer) == 1
    assert await context_streak("angry", answer, "angry", answer) == 2
    assert await context_streak("angry", answer, "fine now", answer) == 0
    assert await context_streak({"text": "calm words", "sentiment": -0.9}) == 1


async def test_answers_at_the_end_of_the_history_that_found_nothing_are_gaps() -> None:
    async def gaps(*history: str) -> int:
        [case] = parse_cases([line(history=list(history))])
        return (await case_context(case, ByWord(), -0.3)).gap_streak

    assert await gaps("Does it fly?", "Agent: Yes, since May.") == 0
    assert await gaps("Does it fly?", "Agent: I found nothing on this. Could you say it in other words?") == 1
    assert await gaps("Does it fly?", "Agent: I don't know.", "By air?", "Agent: Could you tell me more?") == 2
    assert await gaps("Does it fly?", "Agent: I don't know.", "Does it swim?", "Agent: It does.") == 0


async def test_the_context_holds_the_message_and_its_history_in_order() -> None:
    [case] = parse_cases([line(channel="whatsapp", history=["first", "Agent: second"])])
    context = await case_context(case, ByWord(), -0.3)
    assert context.text == "How?"
    assert [message.body for message in context.history] == ["first", "second"]
    assert context.history[0].created_at < context.history[1].created_at < context.burst[0].created_at


async def test_results_come_in_the_order_of_the_cases() -> None:
    cases = [EvalCase(n, Channel.EMAIL, "How?") for n in range(6)]
    may_finish = [asyncio.Event() for _ in cases]
    may_finish[-1].set()
    finished: list[int | str] = []

    async def decide(case: EvalCase) -> TurnDecision:
        number = int(case.case_id)
        await may_finish[number].wait()
        finished.append(case.case_id)
        may_finish[number - 1].set()  # the one before it; after the first nobody waits
        return REPLY

    done: list[None] = []
    results = await run_cases(cases, decide, concurrency=6, on_done=lambda: done.append(None))
    assert [result.case_id for result in results] == [0, 1, 2, 3, 4, 5]
    assert finished == [5, 4, 3, 2, 1, 0]
    assert len(done) == 6


async def test_the_first_error_ends_the_run_and_leaves_nothing_running() -> None:
    begun = 0

    async def decide(case: EvalCase) -> TurnDecision:
        nonlocal begun
        begun += 1
        if case.case_id == 1:
            raise ModelAway("the model is away")
        await asyncio.Event().wait()
        return REPLY

    cases = [EvalCase(n, Channel.EMAIL, "How?") for n in range(9)]
    before = asyncio.all_tasks()
    with pytest.raises(ModelAway):
        await run_cases(cases, decide, concurrency=2)
    assert begun < len(cases)
    assert asyncio.all_tasks() - before == set()


async def test_lines_have_the_keys_of_the_contract() -> None:
    decisions: dict[str | int, TurnDecision] = {1: REPLY, "b": escalation(ReasonCode.REFUND_REQUEST)}

    async def decide(case: EvalCase) -> TurnDecision:
        return decisions[case.case_id]

    results = await run_cases([EvalCase(key, Channel.EMAIL, "x") for key in decisions], decide)
    assert results[0].as_line() == (
        '{"id": 1, "action": "reply", "reason_code": null, "sentiment": 0.0, '
        '"articles": ["boards"], "reply": "Like so: é."}'
    )
    assert json.loads(results[1].as_line()) == {
        "id": "b",
        "action": "escalate",
        "reason_code": "refund_request",
        "sentiment": -0.1235,
        "articles": [],
        "reply": "A person will answer.",
    }


async def test_figures_compare_with_what_was_expected() -> None:
    refund, legal = ReasonCode.REFUND_REQUEST, ReasonCode.LEGAL_ISSUE
    cases = [
        EvalCase(1, Channel.EMAIL, "x", (), "escalate", refund),
        EvalCase(2, Channel.EMAIL, "x", (), "escalate", refund),
        EvalCase(3, Channel.EMAIL, "x", (), "escalate", legal),
        EvalCase(4, Channel.EMAIL, "x", (), "reply"),
        EvalCase(5, Channel.EMAIL, "x", (), "reply"),
        EvalCase(6, Channel.EMAIL, "x"),
    ]
    given = [escalation(refund), REPLY, escalation(refund), REPLY, escalation(legal), escalation(legal)]

    async def decide(case: EvalCase) -> TurnDecision:
        return given[int(case.case_id) - 1]

    figures = score_results(cases, await run_cases(cases, decide))
    assert figures.cases == 5
    assert figures.accuracy == 0.4
    assert figures.escalation_recall == pytest.approx(2 / 3, abs=1e-4)
    assert figures.false_escalations == 0.5
    assert figures.reason_accuracy == pytest.approx(1 / 3, abs=1e-4)
    assert figures.reasons["refund_request"] == {"cases": 2, "recall": 0.5, "precision": 0.5}
    assert figures.reasons["legal_issue"] == {"cases": 1, "recall": 0.0, "precision": 0.0}


def test_figures_of_nothing_are_none() -> None:
    figures = score_results([], [])
    assert (figures.cases, figures.accuracy, figures.escalation_recall) == (0, None, None)
