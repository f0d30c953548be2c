"""The six tools, as plain functions over a turn's state.

They read, and they record intent; nothing is sent or stored by them (invariant 6). None takes an argument that
selects a customer, a conversation or a ticket: they act on the turn's own (invariant 7). Each returns the JSON
that a model reads.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from agent.errors import EmbeddingAway, FteError
from agent.ports import Embeddings
from agent.records import Category, Passage, Priority, ReasonCode
from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.guardrails import Violation, check_subject
from agent.text.data import as_data, is_material
from agent.text.query import fit_tokens
from agent.text.synonyms import blend
from agent.text.visible import one_line, visible
from agent.turn.prompts import private_words
from agent.turn.state import MAX_SEARCHES, SEARCH_LIMIT, EscalationIntent, SearchRecord, TurnState
from agent.turn.triage import Triage

MAX_DRAFT_CHARS = 8_000
_HISTORY_CHARS = 600
_SUBJECT_CHARS = 200
_NAME_CHARS = 80
_SUMMARY_CHARS = 2_000
_SEEN_PASSAGES = 8
_SEEN_CHARS = 280


async def create_ticket(
    state: TurnState,
    *,
    subject: str | None = None,
    category: Category | None = None,
    priority: Priority | None = None,
) -> str:
    """The ticket exists since accept: returns it, and sets what is given.

    The customer reads the subject: one that a reply might not say is not taken.
    """
    began = time.perf_counter()
    wanted = one_line(subject or "", _SUBJECT_CHARS)
    refused = _check_subject(state, wanted) if wanted else None
    state.triage = Triage(
        category or state.triage.category,
        priority or state.triage.priority,
        (wanted if refused is None else "") or state.triage.subject,
    )
    ticket = state.context.ticket
    result = _json(
        ticket_id=ticket.ticket_id,
        status=ticket.status.value,
        category=(state.triage.category or ticket.category).value,
        priority=(state.triage.priority or ticket.priority).value,
        subject=as_data(one_line(state.triage.subject or ticket.subject, _SUBJECT_CHARS)),
    )
    arguments = {"subject": subject, "category": category, "priority": priority}
    seen = {"subject_withheld": f"{refused.rule.value}: {refused.evidence}"} if refused is not None else None
    state.record_step("create_ticket", arguments, result, began, seen)
    return result


def _check_subject(state: TurnState, subject: str) -> Violation | None:
    context, services = state.context, state.services
    private = private_words(services.brand, context.channel, services.prompt)
    return check_subject(subject, context, services.brand, private)


async def get_customer_history(state: TurnState) -> str:
    """The customer's earlier messages, oldest first. What may be seen was decided when the turn was gathered."""
    began = time.perf_counter()
    context = state.context
    messages = [
        {
            "channel": message.channel.value,
            "author": message.author.value,
            "this_conversation": message.conversation_id == context.conversation_id,
            "at": message.created_at.isoformat(timespec="minutes"),
            "text": as_data(_shortened(message.body, _HISTORY_CHARS)),
        }
        for message in context.history
    ]
    note = {"colleague_note": context.colleague_note} if context.colleague_note else {}
    result = _json(
        customer={"name": as_data(one_line(context.customer_name, _NAME_CHARS)), "plan": context.plan},
        messages=messages,
        **note,
    )
    seen = f"{len(messages)} messages" + (" and a colleague's note" if note else "")
    state.record_step("get_customer_history", {}, seen, began)
    return result


async def score_sentiment(state: TurnState) -> None:
    """Score each message of the burst and the burst as a whole by their words, from -1 to 1. Raises DependencyAway."""
    texts = [message.body for message in state.context.burst]
    whole = [state.context.text] if len(texts) > 1 else []
    with state.timed("sentiment"):
        scores = await state.services.sentiment.score([*texts, *whole])
    state.sentiments = tuple(scores[: len(texts)])
    state.sentiment = scores[-1]


def take_mood(state: TurnState, whole: Embeddings) -> None:
    """Correct the sentiment by what the burst means; row 0 of `whole` is its vector."""
    state.sentiment = state.services.policy.sentiment(state.context.text, whole, state.sentiment)
    if len(state.sentiments) == 1:
        state.sentiments = (state.sentiment,)


async def analyze_sentiment(state: TurnState) -> str:
    """The sentiment of the burst, scored unless it was. Raises DependencyAway."""
    began = time.perf_counter()
    if not state.sentiments:
        await score_sentiment(state)
    result = _json(score=round(state.sentiment, 3), negative_exchanges_in_a_row=state.negative_streak)
    seen = {"score": round(state.sentiment, 3), "negative_streak": state.negative_streak}
    state.record_step("analyze_sentiment", {}, result, began, seen)
    return result


async def search_knowledge_base(state: TurnState, query: str) -> str:
    """Search by a query of the caller's own; two searches in all. Raises DependencyAway."""
    if state.searches_begun >= MAX_SEARCHES:
        return _json(error="no searches left: answer from what was found, or escalate_to_human")
    text = fit_tokens(query.strip(), state.services.count_tokens)
    if not text:
        return _json(error="the query is empty")
    state.searches_begun += 1  # before the first await: a model may ask twice in one breath
    reworded = await reword(state, text)
    return await search_with(state, text, reworded, await embed(state, tuple(dict.fromkeys((text, reworded)))))


async def reword(state: TurnState, query: str) -> str:
    """The query in the articles' words, within the token limit. Raises DatabaseAway."""
    with state.timed("search"):
        return fit_tokens(await state.services.search.reword(query), state.services.count_tokens)


async def search_with(state: TurnState, query: str, reworded: str, embeddings: Embeddings) -> str:
    """Search by a query and by the same in the articles' words; `embeddings` holds what is sought, equally weighted.

    Raises DependencyAway.
    """
    began = time.perf_counter()
    with state.timed("search"):
        text = query if reworded == query else f"{query}\n{reworded}"
        passages, withheld = _as_material(await state.services.search.search(text, blend(embeddings), SEARCH_LIMIT))
    found = SearchRecord(query, tuple(passages), state.matches(passages, embeddings))
    state.searches.append(found)
    result = _json(
        query=as_data(query),
        matched=found.matched,
        similarity_needed=state.services.policy.match_threshold(embeddings.model_id),
        searches_left=MAX_SEARCHES - state.searches_begun,
        passages=[passage_as_json(passage) for passage in passages],
    )
    slugs = ", ".join(f"{p.slug} {p.similarity:.2f}" for p in passages)
    seen: dict[str, Any] = {
        "matched": found.matched,
        "similarity_needed": state.services.policy.match_threshold(embeddings.model_id),
        "embedding_model": embeddings.model_id,
        "passages": [_seen_passage(passage) for passage in passages[:_SEEN_PASSAGES]],
    }
    if withheld:
        seen["withheld"] = withheld  # they talk to a model: somebody should look at these articles
    state.record_step("search_knowledge_base", {"query": query}, f"matched={found.matched}: {slugs}", began, seen)
    return result


async def embed(state: TurnState, texts: Sequence[str]) -> Embeddings:
    """Embed texts within the embedding budget. Raises EmbeddingAway."""
    limit_s = state.services.times.embed_timeout_s
    with state.timed("embed"):
        try:
            async with asyncio.timeout(limit_s):
                return await state.services.embedder.embed(texts)
        except TimeoutError as error:
            raise EmbeddingAway(f"the embedding model did not answer within {limit_s:g} s") from error


async def escalate_to_human(state: TurnState, reason_code: ReasonCode, summary: str) -> str:
    """Record that the conversation goes to a person. It wins over a reply of the same turn."""
    began = time.perf_counter()
    state.handover = EscalationIntent(reason_code, visible(summary).strip()[:_SUMMARY_CHARS])
    state.record_step("escalate_to_human", {"reason_code": reason_code.value}, "recorded", began)
    return _json(recorded="escalation")


async def send_response(state: TurnState, message: str, kind: ReplyKind, articles: Sequence[str]) -> str:
    """Record the reply. The first of a turn stands.

    Articles that no search found are not cited; an answer that cites none is taken to be from the best match.
    """
    began = time.perf_counter()
    if state.reply is not None:
        return _json(error="a reply is recorded already")
    found = {passage.slug for passage in state.passages}
    cited = tuple(dict.fromkeys(slug for slug in articles if slug in found))
    if kind is ReplyKind.ANSWER and not cited:
        cited = tuple(search.passages[0].slug for search in state.searches if search.matched)[:1]
    state.reply = ReplyIntent(visible(message[: MAX_DRAFT_CHARS + 1]).strip(), kind, cited)
    arguments = {"kind": kind.value, "articles": list(articles), "characters": len(message)}
    state.record_step("send_response", arguments, "recorded", began)
    return _json(recorded="reply")


def note_away(state: TurnState, error: FteError) -> FteError:
    """Keep a failure that is not the model's where the turn finds it, however the SDK wraps it."""
    state.away = error
    return error


def _as_material(passages: Sequence[Passage]) -> tuple[list[Passage], list[str]]:
    """The passages as data, without those that talk to a model, and the articles that these are of.

    An article tells customers what to do, and nobody else: what gives orders to an assistant was put there by somebody,
    and nothing beside it is to be trusted.
    """
    kept: list[Passage] = []
    withheld: list[str] = []
    for passage in passages:
        if is_material(f"{passage.title}\n{passage.heading_path}\n{passage.body}"):
            body, path = as_data(passage.body), as_data(passage.heading_path)
            kept.append(replace(passage, title=as_data(passage.title), heading_path=path, body=body))
        else:
            withheld.append(passage.slug)
    return kept, withheld


def passage_as_json(passage: Passage) -> dict[str, Any]:
    similarity = None if math.isnan(passage.similarity) else round(passage.similarity, 3)
    return {
        "article": passage.slug,
        "title": passage.title,
        "section": passage.heading_path,
        "similarity": similarity,
        "text": passage.body,
    }


def _seen_passage(passage: Passage) -> dict[str, Any]:
    """A passage as a person checks it later, when the article may say something else."""
    return {
        "article": passage.slug,
        "section": passage.heading_path,
        "url": passage.url,
        "similarity": None if math.isnan(passage.similarity) else round(passage.similarity, 3),
        "score": round(passage.score, 4),
        "text": _shortened(" ".join(passage.body.split()), _SEEN_CHARS),
    }


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… [{len(text) - limit} characters more]"


def _json(**values: Any) -> str:
    return json.dumps(values, ensure_ascii=False)
