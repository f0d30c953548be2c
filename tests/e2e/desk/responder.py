"""What stands in for the FTE: it hands refunds over, with a trace for the desk to show."""

from __future__ import annotations

from dataclasses import replace

from agent.records import ToolCall, TurnContext, TurnDecision
from tests.e2e.desk.people import MARKUP
from tests.integration.spine import escalate, hold, reply_to

TRACE = (
    ToolCall("create_ticket", {"subject": None}, '{"ticket_id": "TF-1"}', 0.1),
    ToolCall("analyze_sentiment", {}, "{}", 0.4, {"score": -0.62, "negative_streak": 2}),
    ToolCall("policy", {}, "no rule matched", 1.5),
    ToolCall(
        "search_knowledge_base",
        {"query": f"money back {MARKUP}"},
        "matched=True",
        12.25,
        {
            "matched": True,
            "similarity_needed": 0.4,
            "embedding_model": "test",
            "passages": [
                {
                    "article": "billing/refunds",
                    "section": f"Refunds > Who decides {MARKUP}",
                    "url": "https://docs.example/refunds",
                    "similarity": 0.71,
                    "score": 0.0325,
                    "text": "Refunds are decided by the billing team.",
                },
                {
                    "article": "billing/invoices",
                    "section": f"Invoices, receipts and payment details: {'where to find them ' * 5}> Invoices",
                    "url": "javascript:document.title=3",
                    "similarity": None,
                    "score": 0.0161,
                    "text": MARKUP,
                },
            ],
        },
    ),
    ToolCall("guardrails", {}, "money: 'a refund'", 0.2, {"kept": False}),
    ToolCall("escalate_to_human", {"reason_code": "refund_request"}, MARKUP, 0.1),
)


def decide(context: TurnContext) -> TurnDecision:
    if context.state == "escalated":
        return hold(context)
    if "refund" in context.text:
        decision = escalate(context)
        assert decision.escalation is not None
        request = replace(decision.escalation, summary=f"refund_request: asked\nThe customer wrote: {context.text}")
        return replace(decision, escalation=request, trace=TRACE, sentiments=tuple(-0.62 for _ in context.burst))
    return reply_to(context, f"You asked: {context.burst[-1].body}")
