"""What must not reach a customer. A reply that breaks a rule goes to a person instead (invariant 9).

The rules compare a draft with its sources: the passages found and the conversation. What the customer or an article
said may be repeated; what appears from nowhere may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.records import Passage, ReasonCode, TurnContext
from agent.reply.brand import Brand
from agent.reply.draft import ReplyIntent, ReplyKind


class Rule(StrEnum):
    EMPTY = "empty"
    UNGROUNDED = "ungrounded"
    """An answer that cites no article that matched."""
    PROMISE = "promise"
    LEAK = "leak"
    FOREIGN_ADDRESS = "foreign_address"
    LINK = "link"
    MONEY = "money"
    NUMBER = "number"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Violation:
    rule: Rule
    evidence: str
    """The words that broke it, for the person who gets the draft."""


# Runs are bounded and begin where nothing of their kind precedes: no text makes a search take quadratic time.
_URL = re.compile(
    r"(?:https?://|(?<![\w.])www\.)[^\s<>()\[\]\"']{1,500}"
    r"|(?<![a-z0-9.-])[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,4}\.(?:com|io|org|net|dev|app|co|ai)\b(?:/[^\s<>()\[\]\"']{0,500})?",
    re.I,
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_MONEY = re.compile(
    r"(?:[$€£¥]|\b(?:usd|eur|gbp|rs\.?|inr|pkr)\s?)\s?\d[\d.,]{0,15}"
    r"|(?<![\d.,])\d[\d.,]{0,15}\s?(?:[$€£¥]|(?:usd|eur|gbp|dollars?|euros?|pounds?|cents?)\b)",
    re.I,
)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
_STEP_NUMBER = re.compile(r"^\s*(?:step\s+)?\d{1,2}[.):]\s", re.I | re.MULTILINE)
_UNIT = re.compile(
    r"\s?(?:%|percent|(?:business |working )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)|[kmgt]b"
    r"|users?|seats?|members?|projects?|x)\b|\s?%",
    re.I,
)
_SPELLED_PERIOD = re.compile(
    r"\b(?:within|in|for|up to|at least|takes?|after)\s+(?:an?|one|two|three|four|five|six|seven|ten|twelve|thirty"
    r"|sixty|a few|a couple of)\s+"
    r"(?:business |working )?(?:minutes?|hours?|days?|weeks?|months?|years?)\b",
    re.I,
)
_DATE = re.compile(
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?"
    r"|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)\.?\s+\d{1,2}\b|\b(?:by|on|until|next|this)\s+(?:mon|tues|wednes|thurs|fri|satur"
    r"|sun)day\b|\bby (?:tomorrow|tonight|end of (?:day|week))\b",
    re.I,
)
_PROMISE = re.compile(
    r"\b(?:i|we)(?:'|’)?(?:\s+will|ll|\s+shall|\s+am going to|(?:'|’)?m going to|\s+are going to"
    r"|re going to)\s+(?:personally\s+|then\s+|now\s+|immediately\s+|definitely\s+)*"
    r"(?:check|get back|look into|follow up|investigate|make sure|ensure|refund|credit|compensate|reimburse|cancel"
    r"|delete|fix|resolve|upgrade|"
    r"extend|waive|escalate|forward|contact|call|e-?mail|notify|let you know|update you|process|issue|reset|restore"
    r"|add|send|have)\b"
    r"|\b(?:i|we)(?:\s+have|(?:'|’)ve)?\s+(?:already\s+|just\s+)?(?:refunded|credited|cancelled|canceled|deleted"
    r"|upgraded|downgraded|reset|restored|"
    r"processed|issued|fixed|resolved|escalated|forwarded|updated your|changed your|activated|extended|applied)\b"
    r"|\b(?:i|we)\s+(?:can\s+)?(?:guarantee|promise|assure you|commit)\b|\bguaranteed\b"
    r"|\b(?:you(?:'|’)?ll|you will|you are going to)\s+(?:receive|get|be given)\s+(?:an?\s+|your\s+"
    r"|the\s+)?(?:full\s+|partial\s+)?(?:refund|credit|discount|compensation|reimbursement)\b"
    r"|\b(?:someone|our team|a colleague|an? (?:agent|engineer|specialist|representative))\s+(?:will"
    r"|is going to)\s+(?:contact|call|get back|reach out|follow up|reply|e-?mail)\b"
    r"|\bget back to you\b|\bmoney.back\b",
    re.I,
)
_LEAK = re.compile(
    r"\bsystem prompt\b|\bmy (?:system )?(?:instructions|prompt|guidelines|rules|tools)\b|\bas an? (?:ai|artificial"
    r"|large) ?(?:intelligence )?(?:language )?model\b"
    r"|\b(?:language model|llm|openai|gpt-?\d\w*|chatgpt|function call|tool (?:call|result)s?)\b"
    r"|\b(?:create_ticket|get_customer_history|search_knowledge_base|analyze_sentiment|escalate_to_human"
    r"|send_response|searches_left)\b"
    r"|\b(?:sentiment (?:score|analysis)|similarity (?:score)?|knowledge gap|escalation (?:rules?|policy|matrix)"
    r"|reason code|guardrails?)\b"
    r"|\b(?:billing|legal|security|technical|general|tier.?\d|l[123]) (?:team|queue|department)\b|\b(?:tier"
    r"|level) [123] support\b|\binternal (?:team|note|tool|document|use)s?\b"
    r"|\b(?:the|these|those) passages?\b|\bsearch results?\b",
    re.I,
)
_REASONS = re.compile("|".join(rf"\b{reason.value}\b" for reason in ReasonCode))


def check_reply(
    reply: ReplyIntent, context: TurnContext, passages: Sequence[Passage], *, matched: bool, brand: Brand
) -> Violation | None:
    """The first rule that a draft breaks, None for a draft that may be sent."""
    text = reply.text
    if not text.strip():
        return Violation(Rule.EMPTY, "")
    if reply.kind is ReplyKind.ANSWER and not (matched and reply.articles):
        return Violation(Rule.UNGROUNDED, "the answer cites no article that matched")
    # What a colleague wrote for the FTE may be passed on.
    said = [*(message.body for message in (*context.history, *context.burst)), context.colleague_note]
    articles = [f"{p.title}\n{p.heading_path}\n{p.body}\n{p.url}" for p in passages]
    ticket = context.ticket
    facts = f"{ticket.ticket_id} {ticket.subject} {context.customer_name} {context.plan} {ticket.created_at:%Y-%m-%d}"
    sources = "\n".join([*said, *articles, facts, brand.company, brand.product]).casefold()
    own = "\n".join([*articles, facts]).casefold()
    return (
        _match(Rule.LEAK, _LEAK, text, own)
        or _match(Rule.LEAK, _REASONS, text, "")
        or _match(Rule.PROMISE, _PROMISE, text, own)
        or _foreign_address(text, own, context.identity.value)
        or _unsourced(Rule.LINK, _URL, _ADDRESS.sub(" ", text), own)
        or _unsourced(Rule.MONEY, _MONEY, text, own)
        or _unsourced(Rule.DATE, _DATE, text, sources)
        or _unsourced(Rule.NUMBER, _SPELLED_PERIOD, text, own)
        or _number(text, sources)
    )


def _match(rule: Rule, pattern: re.Pattern[str], text: str, sources: str) -> Violation | None:
    """A wording that only our own articles may use."""
    return next(
        (
            Violation(rule, match.group())
            for match in pattern.finditer(text)
            if _folded(match.group()) not in sources or not sources
        ),
        None,
    )


def _unsourced(rule: Rule, pattern: re.Pattern[str], text: str, sources: str) -> Violation | None:
    for match in pattern.finditer(text):
        claim = _folded(match.group()).rstrip(".,;:!?)/")
        if claim not in sources:
            return Violation(rule, match.group())
    return None


def _foreign_address(text: str, own: str, identity: str) -> Violation | None:
    for match in _ADDRESS.finditer(text):
        address = _folded(match.group()).rstrip(".")
        if address != identity.casefold() and address not in own:
            return Violation(Rule.FOREIGN_ADDRESS, match.group())
    return None


def _number(text: str, sources: str) -> Violation | None:
    """A number that no source has. Step numbers do not count, nor does a bare single digit ('these 3 steps')."""
    known = set(_numbers(sources))
    body = _STEP_NUMBER.sub(" ", _URL.sub(" ", text))
    for match in _NUMBER.finditer(body):
        number = _normal(match.group())
        bare = len(number) == 1 and not _UNIT.match(body, match.end())
        if number not in known and not bare:
            return Violation(Rule.NUMBER, match.group())
    return None


def _numbers(text: str) -> Iterable[str]:
    return (_normal(match.group()) for match in _NUMBER.finditer(text))


def _normal(number: str) -> str:
    """'1,000' and '1000' are one number; '2.50' and '2.5' are not told apart from their text."""
    return re.sub(r",(?=\d{3}\b)", "", number)


def _folded(text: str) -> str:
    return text.casefold().replace("’", "'")
