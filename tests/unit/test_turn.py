"""What a turn decides, with fakes of everything outside and models that behave and misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from agents.testing import ModelStep, assistant_message, function_call

from agent.errors import DatabaseAway, EmbeddingAway, ModelAway
from agent.ports import Embeddings
from agent.records import (
    Author,
    Category,
    Channel,
    ConversationId,
    ConversationState,
    FallbackCause,
    OutcomeKind,
    Priority,
    ReasonCode,
    Severity,
    StoredMessage,
    Team,
    TurnDecision,
)
from agent.reply.notices import held_notice
from agent.service.hours import OpeningHours
from agent.text.synonyms import blend
from agent.times import Times
from agent.turn.model_use import ModelTerms
from agent.turn.turn import run_turn
from models.offline import OfflineModel
from tests.unit.turn_fakes import (
    CONVERSATION,
    EXPORT,
    FAR,
    PASSWORD,
    FakeEmbedder,
    FakePolicy,
    FakeSearch,
    FakeSentiment,
    FakeVerdict,
    context,
    hands_over,
    message,
    says,
    scripted,
    searches,
    services,
)
from tests.waiting import an_hour_later

GOOD = "Open the project, select More > Export and choose CSV."


def reason_of(decision: TurnDecision) -> ReasonCode | None:
    return decision.escalation.reason_code if decision.escalation else None


async def test_a_question_is_answered_with_one_model_call_and_its_article() -> None:
    model = scripted(says(GOOD))
    decision = await run_turn(context(), services(model=model))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.model_calls == 1 == len(model.calls)
    assert decision.articles == ("projects/export",)
    assert GOOD in decision.reply
    assert "“Export a project”" in decision.reply
    assert decision.gap_streak == 0


async def test_the_required_steps_come_first_and_in_order() -> None:
    decision = await run_turn(context(), services(model=scripted(says(GOOD))))
    assert [call.name for call in decision.trace] == [
        "create_ticket",
        "get_customer_history",
        "analyze_sentiment",
        "policy",
        "search_knowledge_base",
        "send_response",
        "guardrails",
    ]
    assert {"embed", "sentiment", "search", "model", "guardrails"} <= set(decision.stages)
    assert all(value >= 0 for value in decision.stages.values())


async def test_the_trace_keeps_what_the_fte_saw() -> None:
    decision = await run_turn(context(), services(model=scripted(says(GOOD))))
    steps = {call.name: call for call in decision.trace}
    search = steps["search_knowledge_base"].seen
    assert search["matched"] is True
    passage = search["passages"][0]
    assert passage["article"] == "projects/export"
    assert passage["similarity"] >= search["similarity_needed"]
    assert passage["text"]
    assert steps["analyze_sentiment"].seen == {"score": 0.0, "negative_streak": 0}
    assert (steps["policy"].result, steps["policy"].seen) == ("no rule matched", {})
    assert steps["guardrails"].seen == {"kept": True, "support": 1.0}
    # It goes into the database as JSON, where a number that is none has no place.
    json.dumps([asdict(call) for call in decision.trace], allow_nan=False)


async def test_the_trace_says_which_rule_matched_and_by_what() -> None:
    policy = FakePolicy(FakeVerdict(ReasonCode.REFUND_REQUEST, Team.BILLING, Severity.P2))
    decision = await run_turn(context("I want my money back"), services(model=scripted(), policy=policy))
    (step,) = [call for call in decision.trace if call.name == "policy"]
    assert step.seen == {
        "reason_code": "refund_request",
        "team": "billing",
        "severity": "P2",
        "matched": "the words of the rule",
    }


async def test_the_model_is_given_the_steps_as_completed_tool_calls() -> None:
    model = scripted(says(GOOD))
    await run_turn(context("How do I export a project?"), services(model=model))
    items = model.calls[0].input
    assert items[0]["role"] == "user"
    assert items[0]["content"] == "<customer_message>\nHow do I export a project?\n</customer_message>"
    calls = {item["call_id"]: item["name"] for item in items if item.get("type") == "function_call"}
    outputs = {calls[i["call_id"]]: json.loads(i["output"]) for i in items if i.get("type") == "function_call_output"}
    assert outputs["create_ticket"]["ticket_id"] == "TF-20260302-0001"
    assert outputs["search_knowledge_base"]["matched"] is True
    assert outputs["search_knowledge_base"]["passages"][0]["article"] == "projects/export"
    assert outputs.keys() == {"create_ticket", "get_customer_history", "analyze_sentiment", "search_knowledge_base"}


async def test_a_colleagues_note_is_given_to_the_model_with_the_history() -> None:
    model = scripted(says(GOOD))
    await run_turn(context(colleague_note="Refunded already; explain the export."), services(model=model))
    outputs = [item["output"] for item in model.calls[0].input if item.get("type") == "function_call_output"]
    notes = [json.loads(output).get("colleague_note") for output in outputs]
    assert [note for note in notes if note] == ["Refunded already; explain the export."]


async def test_sentiment_and_embedding_run_side_by_side() -> None:
    both = asyncio.Barrier(2)

    class Embedder(FakeEmbedder):
        async def embed(self, texts: Any) -> Any:
            await both.wait()
            return await super().embed(texts)

    class Sentiment(FakeSentiment):
        async def score(self, texts: Any) -> list[float]:
            await both.wait()
            return await super().score(texts)

    async with asyncio.timeout(60):
        decision = await run_turn(
            context(), services(model=scripted(says(GOOD)), embedder=Embedder(), sentiment=Sentiment())
        )
    assert decision.kind is OutcomeKind.REPLY


async def test_an_immediate_reason_never_reaches_the_model() -> None:
    model = scripted()
    search = FakeSearch()
    policy = FakePolicy(FakeVerdict(ReasonCode.REFUND_REQUEST, Team.BILLING, Severity.P2))
    decision = await run_turn(context("I want my money back"), services(model=model, policy=policy, search=search))
    assert decision.kind is OutcomeKind.ESCALATION
    assert decision.reason == "refund_request"
    assert decision.escalation is not None
    assert decision.escalation.team is Team.BILLING
    assert "the words of the rule" in decision.escalation.summary
    assert "I want my money back" in decision.escalation.summary
    assert decision.category is Category.BILLING
    assert decision.priority is Priority.HIGH
    assert "colleague" in decision.reply
    assert not model.calls
    assert not search.queries
    assert decision.model_calls == 0


@pytest.mark.parametrize("reason", list(ReasonCode))
@pytest.mark.parametrize("channel", list(Channel))
async def test_every_reason_has_an_acknowledgement_within_the_channels_limit(
    reason: ReasonCode, channel: Channel
) -> None:
    policy = FakePolicy(FakeVerdict(reason))
    decision = await run_turn(context(channel=channel), services(model=scripted(), policy=policy))
    assert decision.reply
    assert reason.value not in decision.reply
    if channel is Channel.WHATSAPP:
        assert len(decision.reply) <= 300
        assert decision.reply.endswith(".")


OFFICE = OpeningHours(ZoneInfo("Europe/Berlin"), (((540, 1020),),) * 5 + ((),) * 2)
SUNDAY = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def at_the_office(_: Channel) -> OpeningHours:
    return OFFICE


@pytest.mark.parametrize("reason", list(ReasonCode))
@pytest.mark.parametrize("channel", list(Channel))
async def test_out_of_hours_an_acknowledgement_says_when_people_are_back(reason: ReasonCode, channel: Channel) -> None:
    policy = FakePolicy(FakeVerdict(reason))
    given = replace(services(model=scripted(), policy=policy), opening_hours=at_the_office, clock=lambda: SUNDAY)
    decision = await run_turn(context(channel=channel), given)
    assert "back on Monday, 23 November, at 09:00 (Europe/Berlin time)" in decision.reply
    assert channel is not Channel.WHATSAPP or len(decision.reply) <= 300
    monday = replace(given, clock=lambda: SUNDAY + timedelta(days=1))
    assert "09:00" not in (await run_turn(context(channel=channel), monday)).reply


ANSWERED = [message("How do I export a project?"), message("Like this.", author=Author.FTE)]


@pytest.mark.parametrize(
    ("text", "history", "sentiment", "kind", "resolves"),
    [
        ("Thanks, that worked!", ANSWERED, 0.8, "small_talk", True),
        ("Thanks, that worked!", ANSWERED, 0.8, "conversation", True),
        ("Thanks, that worked!", [], 0.8, "small_talk", False),
        ("Thanks, that worked!", ANSWERED, -0.31, "small_talk", False),
        ("Thanks, I will try that", ANSWERED, 0.8, "small_talk", False),
        ("Thanks, that worked!", ANSWERED, 0.8, "clarification", False),
        ("And on mobile?", ANSWERED, 0.0, "small_talk", False),
    ],
)
async def test_thanks_for_an_answer_end_the_conversation(
    text: str, history: list[StoredMessage], sentiment: float, kind: str, resolves: bool
) -> None:
    model = scripted(says("You are welcome.", kind=kind, articles=()))
    decision = await run_turn(context(text, history=history), services(model=model, sentiment=FakeSentiment(sentiment)))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.resolves is resolves


async def test_policy_sees_the_whole_text_and_the_vectors_of_its_parts() -> None:
    policy, embedder = FakePolicy(), FakeEmbedder()
    await run_turn(context("first", "second"), services(model=scripted(says(GOOD)), policy=policy, embedder=embedder))
    text, embeddings = policy.seen[0]
    assert text == "first\nsecond"
    assert embedder.calls == [["first\nsecond"], ["first", "second"]]
    assert embeddings.vectors.shape[0] == 3
    assert np.array_equal(embeddings.vectors[1:], (await embedder.embed(["first", "second"])).vectors)


async def test_the_parts_of_a_clear_message_are_not_embedded() -> None:
    policy, embedder, search = FakePolicy(clear=True), FakeEmbedder(), FakeSearch()
    given = services(model=scripted(says(GOOD)), policy=policy, embedder=embedder, search=search)
    await run_turn(context("How do I export a project?", "As CSV, please."), given)
    assert len(embedder.calls) == 1
    assert policy.seen[0][1].vectors.shape[0] == 1
    assert np.array_equal(search.vectors[0].vectors[0], (await embedder.embed(search.queries)).vectors[0])


async def test_parts_of_another_model_are_not_judged_with_the_whole() -> None:
    class Swapped(FakeEmbedder):
        async def embed(self, texts: Any) -> Any:
            found = await super().embed(texts)
            return found if len(self.calls) == 1 else Embeddings("swapped meanwhile", found.vectors)

    policy = FakePolicy()
    given = services(model=scripted(says(GOOD)), policy=policy, embedder=Swapped())
    await run_turn(context("first", "second"), given)
    assert policy.seen[0][1].model_id == "fake"
    assert policy.seen[0][1].vectors.shape[0] == 1


async def test_a_subject_that_says_something_is_judged_with_the_first_message_only() -> None:
    policy, search = FakePolicy(), FakeSearch()
    given = services(model=scripted(says(GOOD), says(GOOD), says(GOOD)), policy=policy, search=search)
    subject = "I want my money back"
    await run_turn(context("My order is 1234 and arrived broken yesterday.", ticket_subject=subject), given)
    answered = [message("Hello"), message("Hello, how can I help?", author=Author.FTE)]
    await run_turn(context("How do I export a project?", ticket_subject=subject, history=answered), given)
    await run_turn(context("How do I export a project?", ticket_subject="A question"), given)
    assert [text for text, _ in policy.seen] == [
        f"{subject}\nMy order is 1234 and arrived broken yesterday.",
        "How do I export a project?",
        "How do I export a project?",
    ]
    assert policy.seen[0][1].vectors.shape[0] == 3
    assert search.queries[0] == "My order is 1234 and arrived broken yesterday."


async def test_a_message_that_says_little_is_searched_by_its_subject() -> None:
    search = FakeSearch()
    asked = context("see subject", ticket_subject="How do I export a project?")
    await run_turn(asked, services(model=scripted(says(GOOD)), search=search))
    assert search.queries == ["How do I export a project?\nsee subject"]


async def test_a_question_is_searched_in_its_own_words_and_the_articles() -> None:
    search, embedder = FakeSearch(), FakeEmbedder()
    asked = "How do I export my tickets?"
    await run_turn(context(asked), services(model=scripted(says(GOOD)), search=search, embedder=embedder))
    assert search.queries == [f"{asked}\nHow do I export my tasks?"]
    assert len(embedder.calls) == 1
    both = await FakeEmbedder().embed([asked, "How do I export my tasks?"])
    assert search.vectors[0].vectors == pytest.approx(blend(both).vectors)


async def test_a_terse_follow_up_is_searched_with_the_earlier_question() -> None:
    search, policy = FakeSearch(), FakePolicy()
    history = [message("How do I export a project?"), message("Like this.", author=Author.FTE)]
    await run_turn(
        context("and on mobile?", history=history),
        services(model=scripted(says(GOOD)), search=search, policy=policy),
    )
    assert search.queries == ["How do I export a project?\nand on mobile?"]
    assert policy.seen[0][1].vectors.shape[0] == 1
    leans_on = policy.leaned_on[0]
    assert leans_on is not None
    assert leans_on[0] == "How do I export a project?\nand on mobile?"


async def test_a_message_that_stands_alone_leans_on_nothing() -> None:
    policy = FakePolicy()
    await run_turn(context(), services(model=scripted(says(GOOD)), policy=policy))
    assert policy.leaned_on == [None]


async def test_what_a_message_means_corrects_the_sentiment_of_its_words() -> None:
    policy = FakePolicy()
    policy.mood = -0.45
    decision = await run_turn(context(), services(model=scripted(says(GOOD)), policy=policy))
    steps = {call.name: call for call in decision.trace}
    assert steps["analyze_sentiment"].seen == {"score": -0.45, "negative_streak": 1}
    assert decision.sentiments == (-0.45,)
    assert decision.negative_streak == 1


async def test_a_second_search_by_the_model_costs_one_more_call_and_no_more() -> None:
    model = scripted(searches("csv export"), says(GOOD))
    search = FakeSearch([FAR], [EXPORT])
    decision = await run_turn(context(), services(model=model, search=search))
    assert decision.kind is OutcomeKind.REPLY
    assert search.queries == ["How do I export a project?", "csv export"]
    assert decision.model_calls == 2
    offered = [{tool.name for tool in call.tools} for call in model.calls]
    assert "search_knowledge_base" in offered[0]
    assert "search_knowledge_base" not in offered[1]


async def test_two_searches_without_a_match_go_to_a_person() -> None:
    model = scripted(searches("other words"), says("Try turning it off and on."))
    decision = await run_turn(context(), services(model=model, search=FakeSearch([FAR])))
    assert reason_of(decision) is ReasonCode.KNOWLEDGE_GAP
    assert "turning it off" not in decision.reply


async def test_an_answer_without_any_match_goes_to_a_person() -> None:
    decision = await run_turn(context(), services(model=scripted(says("Surely.")), search=FakeSearch([FAR])))
    assert reason_of(decision) is ReasonCode.KNOWLEDGE_GAP


async def test_a_second_clarification_in_a_row_goes_to_a_person() -> None:
    asks = says("What do you see on the screen?", "clarification", [])
    first = await run_turn(context("it fails"), services(model=scripted(asks), search=FakeSearch([FAR])))
    assert first.kind is OutcomeKind.REPLY
    assert first.gap_streak == 1
    again = context("it fails", gap_streak=first.gap_streak)
    second = await run_turn(again, services(model=scripted(asks), search=FakeSearch([FAR])))
    assert reason_of(second) is ReasonCode.KNOWLEDGE_GAP


@pytest.mark.parametrize("kind", ["small_talk", "off_topic"])
async def test_what_needs_no_article_is_no_gap(kind: str) -> None:
    model = scripted(says("You are welcome.", kind, []))
    decision = await run_turn(context("thanks", gap_streak=1), services(model=model, search=FakeSearch([FAR])))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.gap_streak == 1
    assert decision.articles == ()


@pytest.mark.parametrize("kind", ["small_talk", "off_topic"])
@pytest.mark.parametrize(
    "text",
    [
        "The export of a project is not available in the current version.",
        "The new feature is available in the latest version of the TF-20260302-0001, and it exports a project.",
        "Sorry, a project has no export.",
        "The customer has cancelled the invitation.",
    ],
)
async def test_an_answer_that_calls_itself_talk_goes_to_a_person(kind: str, text: str) -> None:
    """It cites nothing, and may be made of the question's own words."""
    decision = await run_turn(context("How do I export a project?"), services(model=scripted(says(text, kind, []))))
    assert reason_of(decision) is ReasonCode.POLICY_RESTRICTION
    assert text not in decision.reply


async def test_one_upset_exchange_is_answered_and_the_second_goes_to_a_person() -> None:
    upset = FakeSentiment(-0.8)
    first = await run_turn(context(), services(model=scripted(says(GOOD)), sentiment=upset))
    assert first.kind is OutcomeKind.REPLY
    assert first.negative_streak == 1
    assert first.sentiments == (-0.8,)
    model = scripted()
    second = await run_turn(context(negative_streak=1), services(model=model, sentiment=upset))
    assert reason_of(second) is ReasonCode.NEGATIVE_SENTIMENT
    assert not model.calls


async def test_a_calm_exchange_ends_the_upset_streak() -> None:
    decision = await run_turn(context(negative_streak=1), services(model=scripted(says(GOOD))))
    assert decision.negative_streak == 0


async def test_each_message_of_a_burst_has_its_sentiment() -> None:
    class ByLength(FakeSentiment):
        async def score(self, texts: Any) -> list[float]:
            return [-len(text) / 100 for text in texts]

    decision = await run_turn(context("aa", "bbbb"), services(model=scripted(says(GOOD)), sentiment=ByLength()))
    assert decision.sentiments == (-0.02, -0.04)


async def test_the_models_own_handover_is_routed_by_the_policy() -> None:
    decision = await run_turn(context(), services(model=scripted(hands_over("customer_requested", "wants Ann"))))
    assert reason_of(decision) is ReasonCode.CUSTOMER_REQUESTED
    assert decision.escalation is not None
    assert "wants Ann" in decision.escalation.summary


async def test_a_handover_wins_over_a_reply_of_the_same_breath() -> None:
    model = scripted([says(GOOD), hands_over("legal_issue")])
    decision = await run_turn(context(), services(model=model))
    assert reason_of(decision) is ReasonCode.LEGAL_ISSUE


async def test_only_the_first_of_two_replies_is_sent() -> None:
    model = scripted([says(GOOD), says("Something else.", call_id="c2")])
    decision = await run_turn(context(), services(model=model))
    assert GOOD in decision.reply
    assert "Something else" not in decision.reply


MISBEHAVIOURS: dict[str, list[Any]] = {
    "plain words and no tool": [assistant_message("Hello there")],
    "no output at all": [ModelStep(output=())],
    "an invented tool": [function_call("delete_customer", {"id": 1}, call_id="x")],
    "arguments that are no JSON": [function_call("send_response", "{oops", call_id="x")],
    "missing arguments": [function_call("send_response", {"kind": "answer"}, call_id="x")],
    "an unknown kind": [function_call("send_response", {"message": "a", "kind": "x", "articles": []}, call_id="x")],
    "50,000 characters": [says("word " * 10_000)],
    "searching for ever": [searches("one"), searches("two", "s2")],
    "reading for ever": [
        function_call("get_customer_history", {}, call_id="h1"),
        function_call("get_customer_history", {}, call_id="h2"),
    ],
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_a_model_that_misbehaves_ends_with_a_person(name: str) -> None:
    model = scripted(*MISBEHAVIOURS[name])
    decision = await run_turn(context(), services(model=model))
    assert decision.kind is OutcomeKind.ESCALATION
    assert reason_of(decision) is ReasonCode.TOOL_FAILURE
    assert "colleague" in decision.reply
    assert len(model.calls) <= 2


async def test_an_empty_reply_goes_to_a_person() -> None:
    decision = await run_turn(context(), services(model=scripted(says("  \n "))))
    assert reason_of(decision) is ReasonCode.POLICY_RESTRICTION


async def test_a_hundred_searches_in_one_breath_make_two() -> None:
    search = FakeSearch()
    model = scripted([searches(f"query {n}", f"s{n}") for n in range(100)], says(GOOD))
    decision = await run_turn(context(), services(model=model, search=search))
    assert len(search.queries) == 2
    assert decision.kind is OutcomeKind.REPLY


async def test_a_guardrail_that_breaks_goes_to_a_person_and_the_draft_is_kept_for_them() -> None:
    decision = await run_turn(context(), services(model=scripted(says("I will refund you 99 dollars."))))
    assert reason_of(decision) is ReasonCode.POLICY_RESTRICTION
    assert "99" not in decision.reply
    assert decision.escalation is not None
    assert "99 dollars" in decision.escalation.summary


async def test_articles_that_no_search_found_are_not_cited() -> None:
    decision = await run_turn(context(), services(model=scripted(says(GOOD, articles=["invented", "projects/export"]))))
    assert decision.articles == ("projects/export",)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"embedder": FakeEmbedder(EmbeddingAway("away"))}, EmbeddingAway),
        ({"search": FakeSearch(error=DatabaseAway("away"))}, DatabaseAway),
        ({"sentiment": FakeSentiment(error=EmbeddingAway("away"))}, EmbeddingAway),
        (
            {"model": scripted(searches("x")), "search": FakeSearch(error=DatabaseAway("away"), fails_from=1)},
            DatabaseAway,
        ),
    ],
    ids=["embedder", "search", "sentiment", "second search"],
)
async def test_a_dependency_that_is_away_is_the_workers_matter(more: dict[str, Any], expected: type[Exception]) -> None:
    with pytest.raises(expected, match="away"):
        await run_turn(context(), services(**more))


async def test_a_slow_embedder_counts_as_away() -> None:
    times = Times(embed_timeout_s=0.01)
    with pytest.raises(EmbeddingAway):
        await run_turn(context(), services(embedder=FakeEmbedder(delay_s=3600), times=times))


async def hang(_: Any) -> Any:
    with an_hour_later():
        await asyncio.Event().wait()


AWAY = {"away": (lambda: ModelStep.raise_error(ModelAway("away"))), "never ends": (lambda: ModelStep.respond(hang))}


@pytest.mark.parametrize("name", AWAY)
async def test_a_turn_without_its_model_is_answered_by_the_fallback(name: str) -> None:
    terms = ModelTerms("some-model", 100, fallback=OfflineModel())
    decision = await run_turn(
        context(), services(model=scripted(AWAY[name]()), times=Times(model_timeout_s=600), model_terms=terms)
    )
    assert decision.kind is OutcomeKind.REPLY
    assert "More > Export" in decision.reply
    assert decision.model_use is not None
    assert decision.model_use.fallback is FallbackCause.AWAY
    assert decision.model_calls == 1, "the offline answer is no call of the configured model"
    assert "language_model" in [call.name for call in decision.trace]


async def test_a_turn_without_its_model_and_fallback_goes_to_a_person() -> None:
    model = scripted(ModelStep.raise_error(ModelAway("away")))
    decision = await run_turn(context(), services(model=model, model_terms=ModelTerms("some-model", 100)))
    assert reason_of(decision) is ReasonCode.TOOL_FAILURE
    assert decision.escalation is not None
    assert "away" in decision.escalation.summary


async def test_without_terms_an_outage_of_the_model_is_the_callers_matter() -> None:
    with pytest.raises(ModelAway):
        await run_turn(context(), services(model=scripted(ModelStep.raise_error(ModelAway("away")))))


async def test_a_fallback_goes_on_from_the_searches_that_were_made() -> None:
    model = scripted(searches("csv"), ModelStep.raise_error(ModelAway("away")))
    search = FakeSearch([FAR], [EXPORT])
    terms = ModelTerms("some-model", 100, fallback=OfflineModel())
    decision = await run_turn(context(), services(model=model, search=search, model_terms=terms))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.articles == ("projects/export",)
    assert len(search.queries) == 2


async def test_a_conversation_that_a_person_has_is_held_with_one_notice() -> None:
    model = scripted()
    first = await run_turn(context(state=ConversationState.ESCALATED), services(model=model))
    assert first.kind is OutcomeKind.HELD
    assert first.reply == held_notice(Channel.WEB_FORM)
    second = await run_turn(
        context(state=ConversationState.ESCALATED, held_notice_sent=True, gap_streak=1), services(model=model)
    )
    assert second.kind is OutcomeKind.HELD
    assert second.reply == ""
    assert second.gap_streak == 1


async def test_who_opted_out_gets_nothing_even_while_a_person_has_the_conversation() -> None:
    for state in ConversationState:
        decision = await run_turn(context(opted_out=True, state=state), services(model=scripted()))
        assert decision.kind is OutcomeKind.SUPPRESSED
        assert decision.reason == "opted_out"
        assert decision.reply == ""


async def test_what_the_customer_chose_on_the_form_stands() -> None:
    model = scripted(says(GOOD))
    decision = await run_turn(
        context("My invoice export fails with an error", category=Category.FEEDBACK, ticket_subject="Export"),
        services(model=model),
    )
    assert (decision.category, decision.priority, decision.subject) == (None, None, None)


async def test_a_mail_is_triaged_by_its_words() -> None:
    decision = await run_turn(
        context("Hello! My last invoice lists the wrong company, this is urgent.", channel=Channel.EMAIL),
        services(model=scripted(says(GOOD))),
    )
    assert decision.category is Category.BILLING
    assert decision.priority is Priority.HIGH
    assert decision.subject is not None
    assert "invoice" in decision.subject


async def test_the_model_may_correct_the_ticket_beside_its_answer() -> None:
    model = scripted(
        [
            function_call(
                "create_ticket", {"subject": "CSV export", "category": "technical", "priority": None}, call_id="t"
            ),
            says(GOOD),
        ]
    )
    decision = await run_turn(context(channel=Channel.EMAIL), services(model=model))
    assert (decision.subject, decision.category) == ("CSV export", Category.TECHNICAL)
    assert decision.model_calls == 1


async def test_no_tool_takes_a_customer_or_a_conversation() -> None:
    from agent.turn.model_loop import model_tools

    schemas = {tool.name: set(tool.params_json_schema["properties"]) for tool in model_tools()}  # type: ignore[union-attr]
    assert schemas == {
        "create_ticket": {"subject", "category", "priority"},
        "get_customer_history": set(),
        "analyze_sentiment": set(),
        "search_knowledge_base": {"query"},
        "send_response": {"message", "kind", "articles"},
        "escalate_to_human": {"reason_code", "summary"},
    }


async def test_turns_of_many_customers_at_once_do_not_mix() -> None:
    shared = services(model=OfflineModel(), search=FakeSearch([EXPORT, PASSWORD]))
    contexts = [
        context(f"How do I export project number {n}?", customer_name=f"Robin{'abcdefghij'[n]}") for n in range(10)
    ]
    decisions = await asyncio.gather(*(run_turn(one, shared) for one in contexts))
    for one, decision in zip(contexts, decisions, strict=True):
        assert decision.kind is OutcomeKind.REPLY
        assert f"Hello {one.customer_name}," in decision.reply


async def test_another_conversations_question_is_not_joined_to_a_follow_up() -> None:
    search = FakeSearch()
    other = ConversationId(CONVERSATION.__class__(int=7))
    history = [message("How do I delete everything?", conversation=other)]
    await run_turn(context("and on mobile?", history=history), services(search=search, model=scripted(says(GOOD))))
    assert search.queries == ["and on mobile?"]


async def test_an_offline_turn_opens_no_connection_and_exports_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: opened.append(address))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **options: opened.append(arguments) or [])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")
    from agents.tracing import get_trace_provider
    from agents.tracing.processors import BatchTraceProcessor

    exported: list[Any] = []
    monkeypatch.setattr(BatchTraceProcessor, "on_trace_start", lambda self, trace: exported.append(trace))
    monkeypatch.setattr(BatchTraceProcessor, "on_span_end", lambda self, span: exported.append(span))
    decision = await run_turn(context(), services())
    get_trace_provider().force_flush()
    assert decision.kind is OutcomeKind.REPLY
    assert opened == []
    assert exported == []
