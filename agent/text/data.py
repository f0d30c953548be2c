"""Text of others as data in a prompt: it cannot end its delimiters, begin a turn of the chat, or hide what it says."""

from __future__ import annotations

import re
from functools import lru_cache

from agent.text.visible import folded, visible
from agent.text.words import sentences

_OPEN, _CLOSE = "<customer_message>", "</customer_message>"
# Marks by which servers of open models tell who speaks: in a message they are letters like others.
_MARKS = re.compile(
    r"[<＜‹〈⟨]\s{0,5}(/?\s{0,5}(?:\|[^|<>\n]{0,40}\||customer[\s_-]{0,3}message|s|bos|eos|system|assistant|user|tool"
    r"|developer|think"
    r"|thinking|start_of_turn|end_of_turn|tool_call|tool_response|tool_result|function_call|function_results?"
    r"|instructions?))"
    r"\s{0,5}[>＞›〉⟩]"
    r"|\[\s{0,2}(/?INST|/?SYS|SYSTEM|/?TOOL_\w{1,20})\s{0,2}\]|<<\s{0,2}(/?SYS)\s{0,2}>>",
    re.IGNORECASE,
)
_ADDRESSES = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|discard)\b[^.!?\n]{0,40}\b(?:instructions?|rules?|guidelines?"
    r"|prompts?|policy"
    r"|policies|restrictions?|guardrails?|everything (?:above|before)|training|programming)\b"
    r"|\b(?:system|hidden|initial|original|secret) prompts?\b|\b(?:reveal|print|output|repeat|show|translate|dump"
    r"|leak|display|recite)\b"
    r"[^.!?\n]{0,40}\b(?:your|the (?:system|hidden|initial|original|first)) (?:\w+ )?(?:instructions?|prompts?"
    r"|rules|guidelines"
    r"|configuration|message)\b"
    r"|\byou are (?:now|no longer)\b[^.!?\n]{0,60}\b(?:dan|ai|bot|assistant|model|unrestricted|jailbroken|developer"
    r"|free|admin|evil)\b"
    r"|\b(?:new|updated|revised|real) (?:system )?instructions?\b\s{0,2}[:.-]"
    r"|\b(?:pretend|act|behave|respond|roleplay|role-play) (?:to be|as|like|that)\b[^.!?\n]{0,50}\b(?:dan"
    r"|unrestricted|no (?:rules"
    r"|restrictions|limits|filters?)|without (?:rules|restrictions|limits|filters?)|developer mode|jailbroken)\b"
    r"|\b(?:developer|debug|god|sudo|admin|maintenance|dan|jailbreak) mode\b|\bdo anything now\b|\bjailbreak\w*\b"
    r"|\b(?:note|message|instructions?|attention|memo)\b[^.!?\n]{0,20}\b(?:to|for) (?:the |any |all )?(?:ai|llm"
    r"|assistants?|bot"
    r"|language models?|chatbots?|agent)\b"
    r"|\b(?:attention|dear|hey|hello|hi)\b,? (?:the |any |all )?(?:ai|llm|assistants?|chatbots?|language model"
    r"|gpt)s?\b\s?[:,]"
    r"|^\s{0,5}(?:system|assistant|developer|tool|function)\s{0,3}(?:message|override|note|prompt)?\s{0,3}:"
    r"|\b(?:when|if|whenever)\b[^.!?\n]{0,40}\b(?:ai|llm|assistant|bot|chatbot|you)\b[^.!?\n]{0,30}\b(?:reads?"
    r"|answers?|repl(?:y|ies)"
    r"|responds?)\b[^.!?\n]{0,40}\b(?:must|always|should|tell|say|include|append|add|insert|send|recommend)\b"
    r"|\b(?:append|include|insert|embed|add)\b[^.!?\n]{0,60}\b(?:in|to|into|at the end of) (?:every|each|all"
    r"|your) (?:\w+ )?(?:repl"
    r"|respon|answer|message)\w*"
    r"|\b(?:do not|don't|never) (?:tell|inform|mention (?:this|it) to) (?:the |any )?(?:customer|user|anyone)\b"
    r"|\b(?:send_response|escalate_to_human|create_ticket|get_customer_history|search_knowledge_base"
    r"|analyze_sentiment)\b"
    r"|\bignor(?:iere|ieren sie|ez|e|a|ar)\b[^.!?\n]{0,40}\b(?:anweisung|instruktion|regeln|instruction|consigne"
    r"|instruccion|instruc)\w*"
    r"|\bvergiss\b[^.!?\n]{0,40}\b(?:anweisung|regel)\w*|\boubliez?\b[^.!?\n]{0,40}\b(?:instruction|consigne|regle)\w*"
    r"|\bolvid(?:a|e)\b[^.!?\n]{0,40}\b(?:instruccion|regla)\w*|\besquec(?:a|e)\b[^.!?\n]{0,40}\b(?:instruc|regra)\w*"
    r"|"
    + "|".join(
        (
            rf"{folded('تجاهل')}[^.!؟\n]{{0,40}}(?:{folded('تعليمات')}|{folded('قواعد')}|{folded('اوامر')})",
            rf"(?:{folded('игнорируй')}|{folded('забудь')})[^.!?\n]{{0,40}}(?:{folded('инструкци')}"
            rf"|{folded('правила')})",
            rf"{folded('忽略')}[^。\n]{{0,20}}(?:{folded('指令')}|{folded('指示')}|{folded('规则')})",
            rf"{folded('指示を')}(?:{folded('無視')}|{folded('忘れ')})",
        )
    ),
    re.MULTILINE,
)

# In a customer's message these are ordinary words; an article has nobody to say them to.
_SPEAKS_OF_REPLIES = re.compile(
    r"\b(?:in|to|into|with|at the end of) your (?:next |every |final )?(?:responses?|outputs?|completions?)\b"
    r"|\b(?:add|append|include|insert|write|say)\b[^.!?\n]{0,5}\"[^\"\n]{1,200}\" (?:in|to|into) your (?:\w+ )?"
    r"(?:repl|answer|message)\w*"
)


def as_data(text: str) -> str:
    """The text as its reader sees it, its marks of who speaks made harmless: '<|system|>' becomes '(|system|)'."""
    return _MARKS.sub(lambda match: f"({match[1] or match[2] or match[3]})", visible(text))


def enclose(text: str) -> str:
    """A customer's message between its delimiters, which nothing in it can be."""
    return f"{_OPEN}\n{as_data(text)}\n{_CLOSE}"


def disclose(content: str) -> str:
    """What `enclose` was given; any other text as it is."""
    inside = content.removeprefix(f"{_OPEN}\n")
    return inside.removesuffix(f"\n{_CLOSE}") if inside != content else content


def instructs_a_model(text: str) -> bool:
    """Whether a text talks to the assistant as one who may tell it what to do, in words that support has no use for."""
    return bool(_ADDRESSES.search(folded(text)))


def without_instructions(text: str) -> str:
    """A message without the lines and sentences that talk to a model; empty where they cannot be told from the rest."""
    kept: list[str] = []
    for line in as_data(text).split("\n"):
        parts = [part for part in sentences(line) if not instructs_a_model(part)]
        kept.append(" ".join(parts))
    joined = "\n".join(kept).strip()
    return joined if not instructs_a_model(" ".join(joined.split())) else ""


@lru_cache(maxsize=2048)
def is_material(text: str) -> bool:
    """Whether a text of the knowledge base talks to readers only. Kept over turns: the same are found again."""
    plain = " ".join(text.split())
    return not instructs_a_model(text) and not instructs_a_model(plain) and not _SPEAKS_OF_REPLIES.search(folded(plain))
