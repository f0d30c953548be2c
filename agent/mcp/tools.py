"""The six tools for other assistants. Each acts for the one ticket or customer that its caller names, and on nobody
else; what writes says what it would do unless it is told to do it.

The system's own turn has the same six (agent.turn.tools), bound to the customer of the turn. Here the caller is an
operator's assistant, so an answer is a person's: it goes through the desk's door, which takes the conversation over and
lets a running turn lose, and through the checks of the FTE's own answers. A conversation that still has an unread
message, or whose last word is ours, is not answered by mistake: nobody gets two answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from agent.errors import BadInput, Conflict
from agent.mcp.ports import SupportSystem, TicketFile
from agent.policy.rules import PolicyRules
from agent.records import (
    Category,
    Channel,
    ConversationState,
    CustomerId,
    EscalationRequest,
    Passage,
    Priority,
    ReasonCode,
    StoredMessage,
    TicketId,
    TurnContext,
)
from agent.reply.brand import Brand
from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.formatting import EMAIL_WORDS, WEB_FORM_WORDS, WHATSAPP_CHARS, format_reply, without_markdown
from agent.reply.guardrails import check_reply
from agent.text.query import conversation_query, fit_tokens
from agent.turn import tools as turn_tools

Answer = dict[str, Any]

_QUOTED_CHARS = 600
_LIMITS = {
    Channel.EMAIL: f"{EMAIL_WORDS} words",
    Channel.WEB_FORM: f"{WEB_FORM_WORDS} words",
    Channel.WHATSAPP: f"{WHATSAPP_CHARS} characters",
}


class SupportTools:
    """Stateless. Every method raises BadInput, NotFound, Conflict or DependencyAway, whose words are for the caller."""

    def __init__(
        self, system: SupportSystem, rules: PolicyRules, brand: Brand, count_tokens: Callable[[str], int]
    ) -> None:
        """`count_tokens` counts as the embedding model does."""
        self._system = system
        self._rules = rules
        self._by_reason = {rule.reason: rule for rule in rules.rules}
        self._brand = brand
        self._count_tokens = count_tokens

    async def create_ticket(
        self,
        ticket_id: str,
        operator: str,
        *,
        subject: str | None,
        category: Category | None,
        priority: Priority | None,
        dry_run: bool,
    ) -> Answer:
        """The ticket exists since its first message: returns it, and corrects what is given."""
        file = await self._system.open_ticket(TicketId(ticket_id))
        ticket = file.context.ticket
        given = {"subject": subject or None, "category": category, "priority": priority}
        changes = {name: value for name, value in given.items() if value is not None and value != getattr(ticket, name)}
        if changes:
            await self._system.correct_ticket(
                file.context.conversation_id,
                operator,
                subject=subject if "subject" in changes else None,
                category=category if "category" in changes else None,
                priority=priority if "priority" in changes else None,
                dry_run=dry_run,
            )
        named = ", ".join(f"{name} becomes {str(value)!r}" for name, value in changes.items())
        return {**_done(named or "nothing to correct", dry_run=dry_run), **_describe(file), **changes}

    async def read_ticket(self, ticket_id: str) -> Answer:
        """A ticket, whose it is, and who has its conversation."""
        return _describe(await self._system.open_ticket(TicketId(ticket_id)))

    async def get_customer_history(self, *, ticket_id: str | None, customer_id: str | None) -> Answer:
        """Of a ticket: its conversation, and what its customer wrote elsewhere if their address is proved. Of a
        customer: the conversations held with addresses that they proved."""
        if (ticket_id is None) == (customer_id is None):
            raise BadInput("ticket_id", "give either ticket_id or customer_id, and not both")
        if customer_id is None:
            assert ticket_id is not None, "one of the two is given"
            file = await self._system.open_ticket(TicketId(ticket_id))
            said = (*file.context.history, *file.context.burst, *file.since)
            note = {"colleague_note": file.context.colleague_note} if file.context.colleague_note else {}
            return {**_describe(file), **note, "messages": [_message(each) for each in said]}
        customer = await self._system.open_customer(CustomerId(UUID(customer_id)))
        return {
            "customer_id": str(customer.customer_id),
            "customer_name": customer.name,
            "plan": customer.plan,
            "messages": [_message(each) for each in customer.messages],
        }

    async def search_knowledge_base(self, ticket_id: str, *, query: str | None) -> Answer:
        """Search by a query, or without one by what the customer of the ticket asks now."""
        file = await self._system.open_ticket(TicketId(ticket_id))
        context = file.context
        text = fit_tokens(
            query or conversation_query(context.burst, context.history, self._count_tokens).search, self._count_tokens
        )
        found = await self._system.search(text)
        return {
            "ticket_id": ticket_id,
            "query": text,
            "matched": found.matched,
            "similarity_needed": found.similarity_needed,
            "passages": [passage_as_json(passage) for passage in found.passages],
        }

    async def analyze_sentiment(self, ticket_id: str, *, message: str | None) -> Answer:
        """Score what the customer of the ticket wrote last, or another text as if they had written it.

        A message that a turn has read alone keeps the score that it found, which its meaning has a say in; others are
        scored by their words.
        """
        file = await self._system.open_ticket(TicketId(ticket_id))
        burst = file.context.burst
        texts = [message] if message is not None else [each.body for each in burst]
        known = burst[0].sentiment if message is None and len(burst) == 1 else None
        scores = [known, known] if known is not None else await self._system.score([*texts, "\n".join(texts)])
        negative = scores[-1] < self._rules.negative_threshold
        return {
            "ticket_id": ticket_id,
            "score": round(scores[-1], 3),
            "messages": [round(score, 3) for score in scores[:-1]],
            "negative": negative,
            "negative_below": self._rules.negative_threshold,
            "earlier_negative_exchanges_in_a_row": file.context.negative_streak,
        }

    async def escalate_to_human(
        self, ticket_id: str, operator: str, *, reason: ReasonCode, summary: str, dry_run: bool
    ) -> Answer:
        """Hand the ticket's conversation to the team of the reason; the FTE is silent in it from then on."""
        file = await self._system.open_ticket(TicketId(ticket_id))
        rule = self._by_reason[reason]
        quoted = " ".join(file.context.text.split())
        told = f"{reason.value}: {summary}\nEscalated by {operator}.\nThe customer wrote: {_shortened(quoted)}"
        request = EscalationRequest(reason, rule.team, rule.severity, told)
        await self._system.escalate(file.context.conversation_id, operator, request, dry_run=dry_run)
        what = f"the conversation goes to the {rule.team.value} team as {rule.severity.value}, {reason.value}"
        return {
            **_done(what, dry_run=dry_run),
            "ticket_id": ticket_id,
            "reason_code": reason.value,
            "team": rule.team.value,
            "severity": rule.severity.value,
            "summary": told,
        }

    async def send_response(
        self,
        ticket_id: str,
        operator: str,
        *,
        message: str,
        kind: ReplyKind,
        articles: Sequence[str],
        follow_up: bool,
        hand_back: bool,
        note: str,
        dry_run: bool,
    ) -> Answer:
        """Answer the customer of the ticket, in the operator's name and through their channel.

        The same text after the same message is sent once, however often it is asked for.
        """
        file = await self._system.open_ticket(TicketId(ticket_id))
        context = file.context
        if follow_up:
            context = replace(context, history=(*context.history, *file.since))
        text = await self._checked(context, message, kind, articles)
        owner = "the FTE has the conversation again" if hand_back else f"{operator} has the conversation"
        what = f"the text goes to the customer by {context.channel.value}, and {owner}"
        if any(each.body == text for each in file.since):
            what = "nothing: this text was sent already"
        elif file.answered and not follow_up:
            raise Conflict("the customer's last message is answered already; to write on all the same, pass follow_up")
        else:
            key = hashlib.sha256(f"{context.burst[-1].message_id}\n{text}".encode()).hexdigest()
            await self._system.reply(file, operator, text, key, dry_run=dry_run)
            if hand_back and not dry_run:
                await self._system.hand_back(context.conversation_id, operator, note)
        return {
            **_done(what, dry_run=dry_run),
            "ticket_id": ticket_id,
            "channel": context.channel.value,
            "text": text,
        }

    async def _checked(self, context: TurnContext, message: str, kind: ReplyKind, articles: Sequence[str]) -> str:
        """The text as the customer gets it, if the FTE might have sent it too."""
        slugs = tuple(dict.fromkeys(articles))
        cited = await self._system.fetch_articles(slugs)
        if kind is ReplyKind.ANSWER and not cited:
            raise BadInput("articles", "an answer names the articles that it is taken from")
        intent = ReplyIntent(message, kind, slugs)
        violation = check_reply(intent, context, cited, matched=bool(cited), brand=self._brand).violation
        if violation is not None:
            raise BadInput("message", f"breaks the rule {violation.rule.value}: {violation.evidence!r}")
        text = format_reply(message, context, self._brand, cited)
        plain = without_markdown(message, links=context.channel is not Channel.WHATSAPP)
        if " ".join(plain.split()) not in " ".join(text.split()):
            raise BadInput("message", f"is longer than the {_LIMITS[context.channel]} that the channel takes")
        return text


def passage_as_json(passage: Passage) -> Answer:
    return {**turn_tools.passage_as_json(passage), "url": passage.url}


def _describe(file: TicketFile) -> Answer:
    """The ticket, who it is of, and who has its conversation."""
    context = file.context
    if context.state is ConversationState.ESCALATED:
        owner = file.owner or "a person is waited for"
    else:
        owner = "nobody" if context.state is ConversationState.RESOLVED else "the FTE"
    return {
        "ticket_id": str(context.ticket.ticket_id),
        "status": context.ticket.status.value,
        "subject": context.ticket.subject,
        "category": context.ticket.category.value,
        "priority": context.ticket.priority.value,
        "created_at": context.ticket.created_at.isoformat(timespec="seconds"),
        "conversation_id": str(context.conversation_id),
        "channel": context.channel.value,
        "owner": owner,
        "answered": file.answered,
        "customer_id": str(context.customer_id),
        "customer_name": context.customer_name,
        "address_is_proved": context.identity.verified,
        "plan": context.plan,
    }


def _done(what: str, *, dry_run: bool) -> Mapping[str, Any]:
    """Dry or not, the same sentence: under `would` nothing was done."""
    return {"dry_run": True, "would": what} if dry_run else {"dry_run": False, "did": what}


def _message(message: StoredMessage) -> Answer:
    return {
        "at": message.created_at.isoformat(timespec="seconds"),
        "channel": message.channel.value,
        "author": message.author.value,
        "conversation_id": str(message.conversation_id),
        "sentiment": None if message.sentiment is None else round(message.sentiment, 3),
        "text": message.body,
    }


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else f"{text[:_QUOTED_CHARS]}…"
