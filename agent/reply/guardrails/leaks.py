"""What is inside stays inside: instructions, tools, teams, rules, notes, other customers, and anything encoded."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from agent.records import ReasonCode
from agent.reply.guardrails.gates import Gate

_RUN_WORDS = 6
"""So many words in a row from the instructions are no coincidence."""
_NOTE_WORDS = 4
_NOTE_SHARE = 0.8
"""A reply that has this share of a colleague's note, word for word, hands on the note and not its matter."""
_INSIDE = Gate.of(
    "prompt|instruc|guideline|rules|tools|configuration|language model|taskflow assistant, who|llm|openai|anthropic"
    "|gpt|claude"
    "|gemini|llama|mistral|function call|tool |developer mode|jailbr|dan mode|unrestricted|_|sentiment|similarity"
    "|knowledge gap"
    "|colleaguenote|customermessage|escalation|reason code|guardrail|confidence|embedding|team|queue|department"
    "|desk|support"
    "|internal|colleague|agent note|passage|search result|knowledge base|key|password|secret|token|bearer|sk-"
    "|postgres|anweisung"
    "|regeln|consigne|systeme|تعليمات|interne|interna|tier|level",
    r"\bsystem ?-?_?prompts?\b|\b(?:my|the|these|initial|original|hidden|system) (?:system )?(?:instructions?"
    r"|prompts?|guidelines)"
    r"(?: (?:are|is|say|were|state|read|begin|above)|:)|\bmy (?:system )?(?:instructions|prompt|guidelines|rules"
    r"|tools|configuration)\b"
    r"|\bas an? (?:ai|artificial|large) ?(?:intelligence )?(?:language )?model\b"
    r"|\byou are the taskflow assistant, who answers\b"
    r"|\b(?:language model|llm|openai|anthropic|gpt-?\d\w*|chatgpt|claude|gemini|llama-?\d*|mistral|function call"
    r"|tool (?:call|result|output)s?|developer mode|jailbr\w+|dan mode|unrestricted mode)\b"
    r"|\b(?:create_ticket|get_customer_history|search_knowledge_base|analyze_sentiment|escalate_to_human|send_response"
    r"|searches_left|similarity_needed|negative_exchanges_in_a_row|colleague_?note|customer_message|knowledge_gap"
    r"|reason_code)\b"
    r"|\b(?:sentiment (?:score|analysis)|similarity (?:score)?|knowledge gap|escalation (?:rules?|policy|matrix"
    r"|threshold)"
    r"|reason code|guardrails?|confidence score|embedding)\b"
    r"|\b(?:billing|legal|security|technical|general|tier.?\d|l[123]) (?:team|queue|department|desk)\b"
    r"|\b(?:tier|level) [123] support\b|\binternal(?:ly)? (?:team|note|tool|document|use|comment|memo|wiki|process"
    r"|policy|only)\w*\b"
    r"|\b(?:colleague'?s? note|note from (?:a|my|our) colleague|agent note)s?\b"
    r"|\b(?:the|these|those|provided|retrieved) passages?\b|\bsearch results?\b|\bknowledge base (?:result|entry"
    r"|search|query)\w*\b"
    r"|\bapi[ _-]?keys?\s*[:=]|\b(?:password|secret|token|bearer)\s*[:=]\s*\S{6,}|\bsk-[a-z0-9_-]{8,}"
    r"|\bpostgres(?:ql)?://"
    r"|\bsystem ?prompt\w*|\bsystemanweisung\w*|\bmeine (?:anweisungen|instruktionen|regeln)\b"
    r"|\bmes (?:instructions|consignes)\b"
    r"|\bmis instrucciones\b|\b(?:minhas|as minhas) instrucoes\b|\binstructions? (?:systeme|del sistema|do sistema)\b"
    r"|\binstrucc?o?i?(?:ones|coes) do? ?(?:del )?sistema\b|تعليماتي|تعليمات النظام|\binterne notiz\w*"
    r"|\bnote interne\b|\bnota interna\b",
)
_OTHERS = Gate.of(
    "customer|client|user|record|details|data of|information",
    r"\b(?:another|other|different|previous|next|fellow) (?:customer|client|user)(?:'s|s')\b"
    r"|\b(?:another|other) (?:customer|client)s? (?:is|was|has|have|wrote|asked|said|named|called|with|from|in|at)\b"
    r"|\b(?:customer|client) (?:list|records?|database|data)\s*[:=]|\bhere (?:is|are) (?:the )?(?:data|details"
    r"|records?|information) "
    r"(?:of|for|about) (?:customer|another|other|all)\b",
)
_TICKET = re.compile(r"\btf-\d{8}-[a-z0-9]{4,}\b")
_ENCODED = re.compile(r"(?<![\w/+=-])(?=[\w+/=-]{0,200}\d)(?=[\w+/=-]{0,200}[A-Za-z])[A-Za-z0-9+/=_-]{24,}(?![\w/+=-])")
_LONG_RUN = re.compile(
    r"(?<![\w+/=-])[A-Za-z0-9+/]{32,}={0,2}(?![\w+/=-])|(?:\b[0-9a-fA-F]{2}[ :,]){12,}|(?:\b[01]{8} ?){6,}"
)
_REASONS = Gate.of("_", *(rf"\b{reason.value}\b" for reason in ReasonCode))
_WORD = re.compile(r"[^\W_]+")
_NOTE_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n|(?<=\w), (?=(?:do not|don't|tell|but)\b)")
_CONFIDENTIAL = re.compile(
    r"\b(?:(?:do not|don't|never|must not|without) (?:\w+ ){0,2}(?:tell\w*|mention\w*|say\w*|reveal\w*|share\w*"
    r"|disclos\w*)"
    r"|internal(?:ly)?|between us|confidential\w*|not for (?:the )?customer|secret\w*|private(?:ly)?|off the record"
    r"|keep (?:this|it) to)\b"
)


def inside_words(text: str) -> list[str]:
    """Words of our workings in a folded text; those that an article uses itself may be repeated."""
    return _INSIDE.find(text)


def reason_codes(text: str) -> list[str]:
    return _REASONS.find(text)


def other_customers(text: str) -> list[str]:
    return _OTHERS.find(text)


def tickets_in(text: str) -> list[str]:
    return _TICKET.findall(text)


def encoded(text: str) -> list[str]:
    """Runs of an unfolded text that say nothing to a reader: Base64, hexadecimal, bits."""
    return [match[0] for pattern in (_LONG_RUN, _ENCODED) for match in pattern.finditer(text)]


def repeats_instructions(text: str, private: str) -> str | None:
    """The first run of words that a folded text has in common with what only a model is told."""
    return _common_run(text, _runs(private, _RUN_WORDS), _RUN_WORDS)


def repeats_note(text: str, note: str) -> str | None:
    """What a reply has of a colleague's note that is not for the customer; `note` is folded.

    Its matter may be passed on. Its confidential sentences, and the note as a whole, may not.
    """
    for sentence in _NOTE_SENTENCE.split(note):
        if _CONFIDENTIAL.search(sentence):
            found = _common_run(text, _run_set(sentence, _NOTE_WORDS), _NOTE_WORDS)
            if found:
                return found
    runs = _run_set(note, _NOTE_WORDS)
    common = runs & _run_set(text, _NOTE_WORDS)
    return " ".join(next(iter(common))) if len(runs) >= 8 and len(common) >= _NOTE_SHARE * len(runs) else None


@lru_cache(maxsize=16)
def _runs(private: str, size: int) -> frozenset[tuple[str, ...]]:
    return _run_set(private, size)


def _run_set(text: str, size: int) -> frozenset[tuple[str, ...]]:
    said = _WORD.findall(text)
    return frozenset(tuple(said[start : start + size]) for start in range(len(said) - size + 1))


def _common_run(text: str, runs: Iterable[tuple[str, ...]], size: int) -> str | None:
    said = _WORD.findall(text)
    known = runs if isinstance(runs, frozenset) else frozenset(runs)
    return next(
        (
            " ".join(said[start : start + size])
            for start in range(len(said) - size + 1)
            if tuple(said[start : start + size]) in known
        ),
        None,
    )
