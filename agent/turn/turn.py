"""One turn: from what the customer wrote to what will be committed. The order is code, not prompt (invariant 6).

Ticket, history, sentiment and embedding side by side, policy, search, the model, guardrails, formatting. A
dependency that is away raises DependencyAway for the worker; a model that misbehaves ends with a person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np

from agent.errors import ModelMisbehaved
from agent.ports import Embeddings
from agent.records import (
    ConversationState,
    EscalationRequest,
    OutcomeKind,
    Passage,
    ReasonCode,
    TurnContext,
    TurnDecision,
)
from agent.reply.absence import away_notice
from agent.reply.acknowledgements import acknowledgement
from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.empathy import UPSET, with_empathy
from agent.reply.formatting import format_reply
from agent.reply.guardrails import Checked, Rule, check_reply
from agent.reply.guardrails.sources import passage_text
from agent.reply.notices import held_notice
from agent.text.confirmation import confirms_solution
from agent.text.query import conversation_query, fit_tokens, is_follow_up
from agent.text.visible import visible
from agent.text.words import words
from agent.turn import tools
from agent.turn.asking import ask_model
from agent.turn.prompts import private_words
from agent.turn.services import RuleVerdict, TurnServices
from agent.turn.state import MAX_SEARCHES, TurnState
from agent.turn.summary import handover_summary
from agent.turn.triage import first_triage, opening_subject, was_answered

__all__ = ["TurnServices", "run_turn"]


async def run_turn(context: TurnContext, services: TurnServices) -> TurnDecision:
    """Decide a turn. Raises DependencyAway when something that it needs does not answer."""
    if context.opted_out:
        return _silent(context, OutcomeKind.SUPPRESSED, "opted_out")
    if context.state is ConversationState.ESCALATED:
        notice = "" if context.held_notice_sent else held_notice(context.channel)
        return _silent(context, OutcomeKind.HELD, "a person has the conversation", reply=notice)
    context = _as_seen(context)
    state = TurnState(context, services, first_triage(context), await services.opening_hours(context.channel))
    verdict = await _take_required_steps(state)
    if verdict is not None:
        return _escalated(state, verdict)
    try:
        await ask_model(state)
    except ModelMisbehaved as error:
        return _handed_over(state, ReasonCode.TOOL_FAILURE, str(error))
    return _decided(state)


def _as_seen(context: TurnContext) -> TurnContext:
    """What was written as a person sees it: letters that show nothing decide nothing either."""
    return replace(
        context,
        burst=tuple(replace(message, body=visible(message.body)) for message in context.burst),
        history=tuple(replace(message, body=visible(message.body)) for message in context.history),
        ticket=replace(context.ticket, subject=visible(context.ticket.subject)),
        customer_name=visible(context.customer_name),
    )


async def _take_required_steps(state: TurnState) -> RuleVerdict | None:
    """The steps before the model. A verdict ends the turn without it; then nothing was searched either."""
    services, context = state.services, state.context
    state.given.append(("create_ticket", {}, await tools.create_ticket(state)))
    state.given.append(("get_customer_history", {}, await tools.get_customer_history(state)))
    query = conversation_query(context.burst, context.history, services.count_tokens)
    subject = opening_subject(context)
    said = f"{subject}\n{context.text}" if subject else context.text
    whole = fit_tokens(said, services.count_tokens) if subject else query.newest
    # A message that says little is about its subject.
    looked_for = whole if subject and is_follow_up(context.text) else query.search
    reworded = await tools.reword(state, looked_for)
    texts = list(dict.fromkeys((whole, looked_for, reworded)))
    embeddings = await _read_message(state, texts)
    tools.take_mood(state, embeddings)
    state.given.append(("analyze_sentiment", {}, await tools.analyze_sentiment(state)))
    judged = await _with_parts(state, said, Embeddings(embeddings.model_id, embeddings.vectors[:1]))
    leans = query.leans and looked_for == query.search
    with state.timed("policy"):
        began = time.perf_counter()
        leans_on = (looked_for, embeddings.vectors[texts.index(looked_for)]) if leans else None
        verdict = services.policy.immediate(said, judged, negative_streak=state.negative_streak, leans_on=leans_on)
        _record_verdict(state, verdict, began)
    if verdict is not None:
        return verdict
    state.searches_begun = 1
    # The earlier question outweighs a follow-up in the vector of both, so what is new in it is looked for as much.
    sought = (looked_for, reworded, whole, whole) if leans else (looked_for, reworded)
    asked = Embeddings(embeddings.model_id, embeddings.vectors[[texts.index(text) for text in sought]])
    found = await tools.search_with(state, looked_for, reworded, asked)
    state.given.append(("search_knowledge_base", {"query": looked_for}, found))
    return None


async def _read_message(state: TurnState, texts: Sequence[str]) -> Embeddings:
    """Sentiment and embedding side by side, the slower one asked for first; the first failure ends both."""
    vectors = asyncio.ensure_future(tools.embed(state, texts))
    sentiment = asyncio.ensure_future(tools.score_sentiment(state))
    try:
        embeddings, _ = await asyncio.gather(vectors, sentiment)
        return embeddings
    finally:
        sentiment.cancel()
        vectors.cancel()


async def _with_parts(state: TurnState, said: str, whole: Embeddings) -> Embeddings:
    """The vector of a message with those of its parts, where the policy needs them: most messages are clear without,
    and embedding is the largest cost of a turn."""
    policy = state.services.policy
    with state.timed("policy"):
        if policy.is_clear(said, whole):
            return whole
    parts = [fit_tokens(part, state.services.count_tokens) for part in policy.parts(said)]
    found = await tools.embed(state, parts)
    if found.model_id != whole.model_id:
        return whole  # swapped between the two: the whole is judged alone (invariant 8)
    return Embeddings(whole.model_id, np.concatenate([whole.vectors, found.vectors]))


def _decided(state: TurnState) -> TurnDecision:
    """What the model's intent becomes: a handover wins over a reply, and rules over both."""
    if state.handover is not None:
        return _handed_over(state, state.handover.reason_code, state.handover.summary)
    reply = state.reply
    assert reply is not None, "the model loop ends with an intent"
    gap_streak = _gap_streak(state, reply)
    began = time.perf_counter()
    verdict = state.services.policy.after_attempt(negative_streak=0, gap_streak=_gaps(state, reply, gap_streak))
    if verdict is not None:
        _record_verdict(state, verdict, began)
        return _escalated(state, verdict)
    with state.timed("guardrails"):
        began = time.perf_counter()
        brand = state.services.brand
        checked = check_reply(
            *(reply, state.context, state.passages),
            matched=state.matched,
            brand=brand,
            private=private_words(brand, state.context.channel, state.services.prompt),
        )
        violation = checked.violation
        broken = "kept" if violation is None else f"{violation.rule.value}: {violation.evidence}"
        support = None if checked.support is None else round(checked.support, 3)
        state.record_step("guardrails", {}, broken, began, {"kept": violation is None, "support": support})
    if violation is not None and violation.rule is Rule.UNGROUNDED:
        return _handed_over(state, ReasonCode.KNOWLEDGE_GAP, violation.evidence)
    if violation is not None:
        note = f"A draft was withheld ({violation.rule.value}: {violation.evidence!r}). The draft: {reply.text[:800]}"
        return _handed_over(state, ReasonCode.POLICY_RESTRICTION, note)
    return _replied(state, _with_used_articles(reply, checked), gap_streak)


def _with_used_articles(reply: ReplyIntent, checked: Checked) -> ReplyIntent:
    """The reply without citations of articles that none of its statements comes from; one always stays."""
    if not checked.articles:
        return reply
    used = tuple(slug for slug in reply.articles if slug in checked.articles)
    return replace(reply, articles=used or tuple(sorted(checked.articles))[:1])


def _record_verdict(state: TurnState, verdict: RuleVerdict | None, began: float) -> None:
    """Whether a rule sends the conversation to a person, and what made it match."""
    if verdict is None:
        state.record_step("policy", {}, "no rule matched", began)
        return
    seen = {
        "reason_code": verdict.reason_code.value,
        "team": verdict.team.value,
        "severity": verdict.severity.value,
        "matched": verdict.evidence,
    }
    state.record_step("policy", {}, f"{verdict.reason_code.value}: {verdict.evidence}", began, seen)


def _gap_streak(state: TurnState, reply: ReplyIntent) -> int:
    """Exchanges in a row without a knowledge match, this one included."""
    match reply.kind:
        case ReplyKind.ANSWER:
            return 0 if state.matched else state.context.gap_streak + 1
        case ReplyKind.CLARIFICATION:
            return state.context.gap_streak + 1
        case ReplyKind.CONVERSATION:
            return 0
        case ReplyKind.SMALL_TALK | ReplyKind.OFF_TOPIC:
            return state.context.gap_streak
        case _:
            assert_never(reply.kind)


def _gaps(state: TurnState, reply: ReplyIntent, gap_streak: int) -> int:
    """Exchanges or searches in a row without a match, whichever are more; what needs no article has none."""
    if reply.kind not in (ReplyKind.ANSWER, ReplyKind.CLARIFICATION):
        return 0
    return max(gap_streak, len(state.searches) if not state.matched and len(state.searches) == MAX_SEARCHES else 0)


def _replied(state: TurnState, reply: ReplyIntent, gap_streak: int) -> TurnDecision:
    context = state.context
    cited = _cited(state.passages, reply) if reply.kind is ReplyKind.ANSWER else []
    with state.timed("guardrails"):
        is_small = reply.kind in (ReplyKind.SMALL_TALK, ReplyKind.OFF_TOPIC)
        body = reply.text if is_small or state.sentiment >= UPSET else with_empathy(reply.text, context.channel)
        text = format_reply(body, context, state.services.brand, cited)
    return TurnDecision(
        kind=OutcomeKind.REPLY,
        reason=reply.kind.value,
        reply=text,
        category=state.triage.category,
        priority=state.triage.priority,
        subject=state.triage.subject,
        sentiments=state.sentiments,
        negative_streak=state.negative_streak,
        gap_streak=gap_streak,
        articles=tuple(dict.fromkeys(passage.slug for passage in cited)),
        trace=tuple(state.trace),
        stages=state.stages,
        model_calls=state.model_calls,
        resolves=_resolves(state, reply),
        model_use=state.model_use,
    )


def _resolves(state: TurnState, reply: ReplyIntent) -> bool:
    """Whether the customer confirms an answer of ours. A closing reply looks at the sentiment first."""
    return (
        reply.kind is not ReplyKind.CLARIFICATION
        and state.sentiment >= state.services.policy.negative_threshold
        and was_answered(state.context)
        and confirms_solution(state.context.text)
    )


def _handed_over(state: TurnState, reason: ReasonCode, note: str) -> TurnDecision:
    """For a reason that no rule found: the model's own wish, or a failure."""
    return _escalated(state, state.services.policy.verdict(reason, note))


def _escalated(state: TurnState, verdict: RuleVerdict) -> TurnDecision:
    """An escalation with its acknowledgement, a fixed text: no model's words reach the customer here."""
    began = time.perf_counter()
    reason = verdict.reason_code
    summary = handover_summary(state, reason, verdict.evidence)
    request = EscalationRequest(reason, verdict.team, verdict.severity, summary)
    if not any(call.name == "escalate_to_human" for call in state.trace):
        state.record_step("escalate_to_human", {"reason_code": reason.value}, verdict.evidence, began)
    triage = state.triage.escalated(state.context, request)
    channel = state.context.channel
    away = away_notice(state.opening, state.services.clock(), channel)
    with state.timed("guardrails"):
        text = format_reply(acknowledgement(reason, channel, away), state.context, state.services.brand, [])
    return TurnDecision(
        kind=OutcomeKind.ESCALATION,
        reason=reason.value,
        reply=text,
        escalation=request,
        category=triage.category,
        priority=triage.priority,
        subject=triage.subject,
        sentiments=state.sentiments,
        negative_streak=state.negative_streak,
        gap_streak=state.context.gap_streak,
        trace=tuple(state.trace),
        stages=state.stages,
        model_calls=state.model_calls,
        model_use=state.model_use,
    )


def _silent(context: TurnContext, kind: OutcomeKind, reason: str, *, reply: str = "") -> TurnDecision:
    """An end without an answer: the streaks stay as they were."""
    return TurnDecision(
        kind=kind,
        reason=reason,
        reply=reply,
        negative_streak=context.negative_streak,
        gap_streak=context.gap_streak,
    )


def _cited(passages: list[Passage], reply: ReplyIntent) -> list[Passage]:
    """Of each cited article the passage that has most of the reply's words, in the order of citation."""
    said = frozenset(words(reply.text))
    found = {slug: [passage for passage in passages if passage.slug == slug] for slug in reply.articles}
    return [max(of_one, key=lambda passage: len(said & passage_text(passage).words)) for of_one in found.values()]
