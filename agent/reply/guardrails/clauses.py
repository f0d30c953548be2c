"""A text taken apart into clauses, each with what two of the same matter are compared by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from agent.records import Plan
from agent.reply.guardrails import amounts
from agent.reply.guardrails.amounts import Amount
from agent.reply.guardrails.sides import Sides, people_in, sides_in
from agent.reply.guardrails.vocabulary import concepts, is_neutral
from agent.text.visible import folded
from agent.text.words import sentences, words

_SHORT = 3
"""A clause with fewer concepts leans on the one before it."""
_WINDOW = 3
_CLAUSE = re.compile(
    r"[;:]\s|,\s(?=(?:but|while|although|though|whereas|which|so|because|since)\b)|\s(?=but\s)|,?\s(?=except\b)|\s-+\s"
    r"|,?\s(?=so that\s)|,\s(?=(?:admins|owners|members|guests)\s(?:all|any)\b)"
    r"|,\s(?=(?:and|or)\s(?:it|they|you|we|i|this|that|nobody|nothing|no|not|then|its|their|your)\b)"
    r"|,\s(?=(?:not|no|only|just)\s)"
    r"|,?\s(?=(?:and|or)\s(?:(?:always|also|then|never|only|even)\s)?"
    r"(?:is|are|was|were|has|have|can|cannot|may|must|will|does|do|needs?|gets?|stays?|keeps?|loses?|shows?)\s)"
)
_NOT = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|neither|nor|cannot|cant|unable|impossible|unavailable|unlimited|unsupported"
    r"|forbidden|prohibited|lacks?|except|excluded|wont|dont|doesnt|isnt|arent|unchanged)\b|n't\b"
    r"|\b(?:remain|stay)s? as\b"
)
_LEFT_OUT = re.compile(r"\b(?:do|does|did|is|are|was|were|can|will)(?: not|n't)\W*$|\bcannot\W*$")
"""How a clause ends whose verb is in the one before it: 'the browser does not'."""
_UNDONE = re.compile(
    r"\b(is|are|was|were|be|becomes?|gets?|stays?|remains?) (?:in(?=visible\b)|un(?=(?:assigned|affected|locked"
    r"|archived|shared|linked|connected|published|answered|translated|muted|pinned|sorted|grouped|selected|ticked)\b))"
)
"""'become unassigned' denies what 'stay assigned' says."""
_UNCLEAR = re.compile(r"\bwithout\b|\bloses? access\b|\blost access\b")
"""What denies in one writer's eyes and not in another's: 'stay without an owner', 'have no owner'."""
_NOT_LOST = re.compile(r"\b(?:not|never)(?: be| get)? lost\b")
_LOST = re.compile(r"\b(?:lost|loses?|losing|lack|lacks|lacking)\b(?! access)")
_NAMED_NOT = re.compile(r"(\*\*[^*\n]{0,60}?)\bnot\b([^*\n]{0,60}\*\*)", re.IGNORECASE)
"""**Do not repeat** is a name."""
_CONDITIONS = ("when ", "if ", "unless ", "until ", "while ", "once ")
_CONDITION = re.compile(r"\b((?:when|if|unless|until|while|once)\b[^,;.\n]{3,120}),\s")
_LEANS = re.compile(r"^\W*(?:it|they|this|that|these|those|nothing|none)\b")
_BY_RANK = tuple(plan.value for plan in Plan)
_PLANS = frozenset(_BY_RANK)
_ALL_PLANS = re.compile(r"\b(?:all|any|every|each|whatever) (?:of the )?plans?\b(?! you)")
_PAID_PLANS = re.compile(r"\b(?:all|any|every|each|the) paid plans?\b")
_AND_HIGHER = re.compile(
    rf"\b({'|'.join(_BY_RANK)})(?: plans?)? (?:and|or) (?:all )?(?:higher|above|up|better|beyond)\b"
)
_CONCEDES = re.compile(
    r"\b(?:even (?:if|when|after|though|while)|whatever|no matter|regardless|whether or not|all the same)\b"
)
"""What is so in spite of something."""
ALWAYS = re.compile(
    r"\b(?:always|whether or not|regardless|even (?:if|when|after|while)|no matter|in any case|every time"
    r"|without exception|in all cases|(?:at )?any time"
    r"|(?:on|in|for|with|of) (?:all|any|every)\b(?! of)|(?:for|by|to) (?:everyone|everybody|anyone|anybody))\b"
)
_SOMETIMES = re.compile(r"\b(?:if|only|unless|when|except|until|alone|belongs? to one|whether)\b")
_RELATIVE = re.compile(
    r"\b(?:that|which|who|whom)(?: (?:they|you|we|it|nobody|(?:your|the|an?|their|its) \w+))?"
    r" (?:\w+n't|(?:is|are|was|were|do|does|did|can|could|may|might|has|have|had|will|would|should|must)"
    r" (?:not|no|never)|cannot)\b"
)
"""'addresses that are not known': the clause around it denies nothing."""
_QUALIFIED = re.compile(r"\s(?:that|which|who|where)\s[^,;]{3,60}$")
_WITHOUT = re.compile(r"^\W*without .{3,60}\b(?:no|not|none|nothing|never|cannot)\b")
"""'without a date there is no bar' says what is needed."""
_CLEFT = re.compile(r"^\W*(?:\w+,? )?(?:it|this|that|there)(?:'s| is| are| was| may be| can be)\b")
"""'it is a condition that does not match' says that one does not."""
_NO_NEGATION = re.compile(
    r"^\W*(?:no|yes)\b\s?,?|\bnot only\b|\b(?:no|not) (?:more|later|longer|larger|bigger|fewer|less|older) than\b"
    r"|\bwhether or not\b|\bif not\b|\bno problem\b|\bnot sure\b|\bwhy (?:nothing|no|not)\b|\bno matter\b"
    r"|\bas long as (?:you|it|they) (?:do|does|is|are|have|has)(?: not|n't)"
    r"|\bcannot have more than\b|\bnothing (?:stops|prevents)\b|\bdo not worry\b|\bno worries\b"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """`concepts` of its own words; `context` of what it leans on: its heading, the sentence before an 'it'."""

    concepts: frozenset[str]
    context: frozenset[str]
    core: frozenset[str]
    """Without what a relative clause at its end adds; empty where it has none."""
    negated: bool
    unclear: bool
    """Whether another writer says the same with a negation, or without this one."""
    supposed: bool
    plans: frozenset[str]
    sides: Sides
    people: frozenset[str]
    conditional: bool
    """Whether its sentence is true of some cases only."""
    conceding: bool
    """Whether its sentence is true in spite of something that it names."""
    elliptic: bool
    """Whether its verb is in the clause before it: "comments are not" copied."""
    amounts: tuple[Amount, ...]
    sentence_amounts: tuple[Amount, ...]
    """Those of the whole sentence: what one writer says in a clause another says in two."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage's clauses, and the concepts of each window of three sentences."""

    clauses: tuple[Clause, ...]
    by_concept: Mapping[str, tuple[int, ...]]
    """Which clauses say something of a matter."""
    windows: tuple[frozenset[str], ...]


@lru_cache(maxsize=1024)
def read(heading_path: str, body: str) -> Reading:
    parts = sentences(body)
    spoken = [concepts(part) for part in parts]
    heading = concepts(heading_path)
    windows = tuple(
        frozenset(heading.union(*spoken[start : start + _WINDOW])) for start in range(max(len(parts) - _WINDOW, 0) + 1)
    )
    section = concepts(heading_path.rpartition(" > ")[2])
    clauses: list[Clause] = []
    before: frozenset[str] = frozenset()
    for part in parts:
        found = clauses_of(part, section, before)
        clauses += found
        before = frozenset().union(*(clause.concepts for clause in found)) if found else before
    by_concept: dict[str, tuple[int, ...]] = {}
    for place, clause in enumerate(clauses):
        for concept in clause.concepts:
            by_concept[concept] = (*by_concept.get(concept, ()), place)
    return Reading(tuple(clauses), by_concept, windows)


def _plans_in(part: str) -> frozenset[str]:
    """The plans that a folded clause names: 'all plans' are all, 'Pro and higher' is Pro and what is above it."""
    named = frozenset(_PLANS & set(words(part)))
    if _ALL_PLANS.search(part):
        return frozenset(_PLANS)
    if _PAID_PLANS.search(part):
        return named | frozenset(_BY_RANK[1:])
    if (match := _AND_HIGHER.search(part)) is not None:
        return named | frozenset(_BY_RANK[_BY_RANK.index(match[1]) :])
    return named


def _denies(part: str) -> bool:
    """Whether a clause with a negation in it denies what it says, and not only what it says it of."""
    bare = _NO_NEGATION.sub(" ", part)
    return bool(_NOT.search(bare if _CLEFT.search(bare) else _RELATIVE.sub(" ", bare)))


def _with_conditions_apart(text: str) -> str:
    """Folded, with a semicolon after each condition: 'when you leave, ...' is a clause of its own."""
    plain = folded((_NAMED_NOT.sub(r"\1 \2", text) if "**" in text else text).replace("*", ""))
    return _CONDITION.sub(r"\1; ", plain) if any(word in plain for word in _CONDITIONS) else plain


def clauses_of(text: str, heading: frozenset[str], before: frozenset[str] = frozenset()) -> list[Clause]:
    """`before`: the concepts of the sentence before it."""
    found: list[Clause] = []
    plain = _with_conditions_apart(text)
    conditional = bool(_SOMETIMES.search(plain)) and not ALWAYS.search(plain)
    conceding = bool(_CONCEDES.search(plain))
    carried: frozenset[str] = frozenset()
    every_amount = tuple(amounts.amounts_in(amounts.in_figures(plain)))
    for part in _CLAUSE.split(plain):
        is_needed = bool(_WITHOUT.search(part))
        if is_needed:
            part = part.replace("without", "needs", 1)
        part = _UNDONE.sub(r"\1 not ", part)
        part = _LOST.sub("not kept", _NOT_LOST.sub("kept", part))
        own = concepts(part.replace("unlimited", "limit"))
        if not own:
            continue
        earlier = carried or before
        negated = bool(_NOT.search(part)) and _denies(part) and not is_needed
        is_short = sum(not is_neutral(concept) for concept in own) < _SHORT
        leans = bool(found or is_short or _LEANS.match(part) or _LEFT_OUT.search(part))
        context = heading | earlier if leans else heading
        is_supposed = part.startswith(_CONDITIONS)
        if not is_supposed:
            carried = own | earlier if _LEANS.match(part) else own
        found.append(
            Clause(
                concepts=own,
                context=context,
                core=concepts(_QUALIFIED.sub("", part)) if _QUALIFIED.search(part) else frozenset(),
                negated=negated,
                unclear=bool(_UNCLEAR.search(part)) and not is_needed,
                supposed=is_supposed,
                plans=_plans_in(part),
                sides=sides_in(part),
                people=people_in(part),
                conditional=conditional,
                conceding=conceding,
                elliptic=bool(_LEFT_OUT.search(part)),
                amounts=tuple(amounts.amounts_in(amounts.in_figures(part))),
                sentence_amounts=every_amount,
            )
        )
    return found
