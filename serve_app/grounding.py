"""Groundedness of the turns that an evaluation runs, against the articles of its folder."""

from __future__ import annotations

from collections.abc import Iterable

from agent.records import Article, Passage, TurnContext, TurnDecision
from agent.reply.brand import Brand
from agent.reply.draft import ReplyKind
from agent.reply.formatting import format_reply
from models.groundedness import Support, measure_support

_BODY = "\u2063"  # stands where a reply's body does; no text has it


class Grounding:
    """Measures answers only: other replies claim nothing about the product."""

    def __init__(self, articles: Iterable[Article], brand: Brand) -> None:
        self._articles = {article.slug: article for article in articles}
        self._brand = brand

    def measure(self, context: TurnContext, decision: TurnDecision) -> Support | None:
        if decision.reason != ReplyKind.ANSWER or not decision.reply:
            return None
        cited = [self._articles[slug] for slug in decision.articles if slug in self._articles]
        said = [message.body for message in (*context.history, *context.burst)]
        sources = [*(f"{article.title}\n{article.body}" for article in cited), *said, context.colleague_note]
        passages = [Passage(each.slug, each.title, each.title, each.body, 1.0, 1.0, each.url) for each in cited]
        frame = format_reply(_BODY, context, self._brand, passages).split(_BODY)
        return measure_support(decision.reply, sources, frame)
