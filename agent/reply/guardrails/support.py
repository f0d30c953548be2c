"""Statement by statement: whether some passage has a sentence's words together, and says the same with them.

A measure by words, no judge of logic. A statement's concepts (content words as stems, synonyms together, without what
any writer explains with) are looked for in each window of three sentences of each passage and in all passages together;
half of each is the statement's support. The thresholds are from tests/eval/grounding/development.jsonl.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from agent.records import Plan
from agent.reply.draft import ReplyKind
from agent.reply.guardrails import amounts
from agent.reply.guardrails.amounts import Amount
from agent.reply.guardrails.sides import WHO, Sides, are_others, differs, people_in, sides_in
from agent.reply.guardrails.sources import Sources
from agent.reply.guardrails.vocabulary import concepts, is_neutral
from agent.text.visible import folded
from agent.text.words import sentences, words

LEAST_SUPPORT = 0.55
"""Of an answer's statement. Lower lets more inventions pass, higher withholds more paraphrases."""
LEAST_SUPPORT_OF_TALK = 0.3
"""Of what is said without an article: small talk, a question back, a refusal."""
LEAST_CONCEPTS = 2
LEAST_CONCEPTS_OF_TALK = 3
SAME_MATTER = 0.6
"""So much of a clause's concepts in one of a passage makes the two be about the same."""
_AS_NEAR = 0.08
_LEANT = 0.8
_DENIED = 0.34
"""So much of what a clause says must be together where it is denied."""
_NEUTRAL_WEIGHT = 0.35
_WINDOW = 3
_MOST_UNKNOWN = 3
_LEAST_COPIED = 12
_MARKS = re.compile(r"\*\*|[*_`]|^\s*(?:\d{1,2}[.)]|[-+•])\s+")
_HEARD = 0.5
"""What only the conversation has weighs half, and supports nothing: that somebody asked makes it no truth."""
_TALK = re.compile(
    r"\b(?:glad|happy|welcome|sorry|apologi[sz]e|help you|tell me|let me know|write back|questions? about|could you"
    r"|would you|please|thank|feel free|help articles|takes? over|not sure|found nothing|only help|cannot help"
    r"|no article)\b"
)
_ASKS = r"(?:how|what|where|when|why|who|which|can|could|do|does|did|is|are|was|will|would|should|may|have|has)"
_THEN_ASKS = re.compile(
    rf"^(?!\W*(?:{_ASKS}|if|and|or|but|so)\b)(?P<stated>[^?]{{8,400}}?)(?:,\s*(?:and|but|so|or)?|\s(?:and|but|so))\s+"
    rf"{_ASKS}\b[^?]*\?\W*$",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[;:]\s|,\s(?=(?:but|while|although|though|whereas|which|so|because|since)\b)|\s(?=but\s)|,?\s(?=except\b)|\s-+\s"
    r"|,\s(?=(?:and|or)\s(?:it|they|you|we|i|this|that|nobody|nothing|no|not|then|its|their|your)\b)"
    r"|,\s(?=(?:not|no)\s)"
)
_NOT = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|neither|nor|cannot|cant|unable|impossible|unavailable|unlimited|unsupported"
    r"|forbidden|prohibited|lacks?|except|excluded|wont|dont|doesnt|isnt|arent)\b|n't\b"
)
_LEFT_OUT = re.compile(r"\b(?:do|does|did|is|are|was|were|can|will)(?: not|n't)\W*$|\bcannot\W*$")
"""How a clause ends whose verb is in the one before it: 'the browser does not'."""
_NOT_LOST = re.compile(r"\b(?:not|never)(?: be| get)? lost\b")
_LOST = re.compile(r"\b(?:lost|loses?|losing|lack|lacks|lacking)\b(?! access)")
_NAMED_NOT = re.compile(r"(\*\*[^*\n]{0,60}?)\bnot\b([^*\n]{0,60}\*\*)", re.IGNORECASE)
"""**Do not repeat** is a name."""
_CONDITIONS = ("when ", "if ", "unless ", "until ", "while ", "once ")
_CONDITION = re.compile(r"\b((?:when|if|unless|until|while|once)\b[^,;.\n]{3,120}),\s")
_LEANS = re.compile(r"^\W*(?:it|they|this|that|these|those|nothing|none)\b")
_PLANS = frozenset(plan.value for plan in Plan)
_ALWAYS = re.compile(r"\b(?:always|whether or not|regardless|in any case|every time|without exception|in all cases)\b")
_SOMETIMES = re.compile(r"\b(?:if|only|unless|when|except|until)\b")
_RELATIVE = re.compile(
    r"\b(?:that|which|who|whom)(?: (?:they|you|we|it|nobody|(?:your|the|an?|their|its) \w+))?"
    r" (?:\w+n't|(?:is|are|was|were|do|does|did|can|could|may|might|has|have|had|will|would|should|must)"
    r" (?:not|no|never)|cannot)\b"
)
"""'addresses that are not known': the clause around it denies nothing."""
_NO_NEGATION = re.compile(
    r"^\W*(?:no|yes)\b\s?,?|\bnot only\b|\b(?:no|not) (?:more|later|longer|larger|bigger|fewer|less|older) than\b"
    r"|\bwhether or not\b|\bif not\b|\bno problem\b|\bnot sure\b|\bwhy (?:nothing|no|not)\b|\bno matter\b"
    r"|\bcannot have more than\b|\bnothing (?:stops|prevents)\b|\bdo not worry\b|\bno worries\b"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """`concepts` of its own words; `context` of what it leans on: its heading, the sentence before an 'it'."""

    concepts: frozenset[str]
    context: frozenset[str]
    negated: bool
    supposed: bool
    plans: frozenset[str]
    sides: Sides
    people: frozenset[str]
    conditional: bool
    """Whether its sentence is true of some cases only."""
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage's clauses, and the concepts of each window of three sentences."""

    clauses: tuple[Clause, ...]
    by_concept: Mapping[str, tuple[int, ...]]
    """Which clauses say something of a matter."""
    windows: tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Support:
    """`share`: the mean support of the statements, None where nothing was stated in English.

    `weakest` is the first statement under the threshold, `contradicted` the first that a passage turns around.
    """

    share: float | None
    weakest: str | None
    contradicted: str | None
    articles: frozenset[str]
    """Slugs of the articles from which some statement may come."""


def measure(plain: str, sources: Sources, kind: ReplyKind, *, matched: bool = False) -> Support:
    """Measure an English reply without Markdown and addresses.

    Where articles `matched` what was asked, a reply that is called small talk or off topic has nothing to state: what
    it states all the same is measured as an answer's.
    """
    readings = [(p.slug, _reading(p.heading_path, p.body)) for p in sources.passages]
    in_talk = kind in (ReplyKind.SMALL_TALK, ReplyKind.OFF_TOPIC, ReplyKind.CLARIFICATION)
    is_lenient = in_talk and not (matched and kind is not ReplyKind.CLARIFICATION)
    threshold = LEAST_SUPPORT_OF_TALK if is_lenient else LEAST_SUPPORT
    least = LEAST_CONCEPTS_OF_TALK if is_lenient else LEAST_CONCEPTS
    shares: list[float] = []
    weakest: str | None = None
    contradicted: str | None = None
    used: set[str] = set()
    for sentence in sentences(plain):
        statement = _before_question(sentence)
        slugs = copied_from(statement, sources)
        if slugs:
            used |= slugs
            shares.append(1.0)
            continue
        matter = _matter(statement)
        if not matter or statement.endswith("?"):
            continue
        share, slugs = _support(matter, readings, sources, counts_heard=kind is ReplyKind.CONVERSATION)
        used |= slugs
        if in_talk and _is_manners(statement, matter, sources):
            continue
        if len(matter) >= least:
            shares.append(share)
            if share < threshold and weakest is None:
                weakest = statement
        if contradicted is None and _is_turned_around(statement, readings, sources):
            contradicted = statement
    return Support(sum(shares) / len(shares) if shares else None, weakest, contradicted, frozenset(used))


def _before_question(sentence: str) -> str:
    """What a sentence states before it asks ("It does not work offline, and how do I turn that on?"); a sentence that
    only asks, or only states, as it is."""
    match = _THEN_ASKS.match(sentence) if "?" in sentence else None
    return match["stated"] if match else sentence


def _matter(text: str) -> frozenset[str]:
    return frozenset(concept for concept in concepts(text) if not is_neutral(concept))


def _is_manners(statement: str, matter: frozenset[str], sources: Sources) -> bool:
    """Whether a sentence is one of politeness, which states nothing; not a recipe that begins with 'please'."""
    unknown = matter - sources.domain - sources.heard
    return len(unknown) <= _MOST_UNKNOWN and bool(_TALK.search(statement.lower()))


def copied_from(statement: str, sources: Sources) -> frozenset[str]:
    """The articles that have the statement word for word, as extractive answers do, also with its heading before it."""
    said = folded(_MARKS.sub("", statement)).strip().rstrip(":")
    if len(said) < _LEAST_COPIED:
        return frozenset()
    heading, _, rest = said.partition(": ")
    return frozenset(
        passage.slug
        for passage, text in zip(sources.passages, sources.articles, strict=True)
        if said in text.folded or (rest and heading in text.folded and rest in text.folded)
    )


def _support(
    matter: frozenset[str], readings: list[tuple[str, Reading]], sources: Sources, *, counts_heard: bool
) -> tuple[float, frozenset[str]]:
    """Support and the articles that it comes from. `counts_heard`: the conversation is a source like a passage."""
    heard_only = matter & (sources.heard - sources.domain)
    said_to_us = heard_only & sources.noted if not counts_heard else heard_only
    asked = len(heard_only - said_to_us) * _HEARD
    weight = len(matter) - len(heard_only - said_to_us) + asked
    everywhere = len(matter & sources.domain) + len(said_to_us)
    best, slugs = len(matter & sources.heard) if counts_heard else len(matter & sources.noted), set[str]()
    for slug, reading in readings:
        together = max((len(matter & window) for window in reading.windows), default=0)
        if together > best:
            best, slugs = together, {slug}
        elif together == best and best:
            slugs.add(slug)
    return (everywhere + min(best, weight)) / (2 * weight), frozenset(slugs)


def _is_turned_around(statement: str, readings: list[tuple[str, Reading]], sources: Sources) -> bool:
    """Whether the clauses that are nearest in matter all say the opposite, or say it of others or with other values."""
    for clause in _clauses(statement, frozenset()):
        matter = clause.concepts - (sources.heard - sources.domain)
        if clause.supposed or len(matter) < LEAST_CONCEPTS:
            continue  # what is only supposed states nothing
        same = _nearest(matter, readings)
        if same and all(other.negated != clause.negated for other in same):
            return True
        named = [other.plans for other in same if other.plans]
        if clause.plans and named and not clause.plans <= frozenset().union(*named):
            return True
        if same and _is_otherwise(statement, clause, same):
            return True
        # Of whom it is said is compared by itself, so that 'any member may' is near to 'an admin may'.
        if clause.people and are_others(clause.people, (other.people for other in _nearest(matter - WHO, readings))):
            return True
        if not clause.negated and _is_denied(_told(matter), readings):
            return True
    return False


def _told(matter: frozenset[str]) -> list[str]:
    return [concept for concept in matter if not is_neutral(concept)] or list(matter)


def _nearest(matter: frozenset[str], readings: list[tuple[str, Reading]]) -> list[Clause]:
    """The clauses that are about a matter, as near as the nearest of them."""
    if len(matter) < LEAST_CONCEPTS:
        return []
    weight = _weight(matter)
    told = _told(matter)
    nearest: list[tuple[float, Clause]] = []
    for _, reading in readings:
        # What is only supposed ("when a step needs an owner") says nothing of what is the case.
        places = {
            place
            for concept in told
            for place in reading.by_concept.get(concept, ())
            if not reading.clauses[place].supposed
        }
        near = [(_sameness(matter, weight, reading.clauses[place]), place) for place in places]
        nearest += [(share, reading.clauses[place]) for share, place in near if share >= SAME_MATTER]
    best = max((share for share, _ in nearest), default=0.0)
    return [other for share, other in nearest if share >= best - _AS_NEAR]


def _is_otherwise(statement: str, clause: Clause, same: list[Clause]) -> bool:
    """Whether what says the same names other people or devices, has a condition that is left out, or other values."""
    if differs(clause.sides, (other.sides for other in same)):
        return True
    if all(other.conditional for other in same) and _ALWAYS.search(statement.lower()):
        return True
    return any(
        amounts.conflicts(amount, (known for other in same for known in other.amounts)) for amount in clause.amounts
    )


def _is_denied(told: list[str], readings: list[tuple[str, Reading]]) -> bool:
    """Whether two concepts are together in a clause that denies something, and one of them in no other clause."""
    for _, reading in readings:
        denying = {
            place for concept in told for place in reading.by_concept.get(concept, ()) if reading.clauses[place].negated
        }
        for place in denying:
            shared = [each for each in told if each in reading.clauses[place].concepts and not is_neutral(each)]
            if len(shared) >= max(2, _DENIED * len(told)) and any(_only_denied(each, readings) for each in shared):
                return True
    return False


def _only_denied(concept: str, readings: list[tuple[str, Reading]]) -> bool:
    places = [(reading, place) for _, reading in readings for place in reading.by_concept.get(concept, ())]
    return all(reading.clauses[place].negated for reading, place in places)


def _sameness(matter: frozenset[str], weight: float, other: Clause) -> float:
    """The share of a matter, of this weight, that another clause has; a long one has the words among many others."""
    own = matter & other.concepts
    if not own:
        return 0.0
    leant = matter & other.context
    if len(own) + len(leant) < SAME_MATTER * len(matter) * _NEUTRAL_WEIGHT:
        return 0.0
    share = (_weight(own) + _LEANT * _weight(leant - own)) / weight
    return share - 0.02 * max(len(other.concepts) - len(matter) - 3, 0)


def _weight(matter: Iterable[str]) -> float:
    """'complete' turns around as 'archive' does, but is in many more clauses."""
    return sum([_NEUTRAL_WEIGHT if is_neutral(concept) else 1.0 for concept in matter])


@lru_cache(maxsize=1024)
def _reading(heading_path: str, body: str) -> Reading:
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
        found = _clauses(part, section, before)
        clauses += found
        before = frozenset().union(*(clause.concepts for clause in found)) if found else before
    by_concept: dict[str, tuple[int, ...]] = {}
    for place, clause in enumerate(clauses):
        for concept in clause.concepts:
            by_concept[concept] = (*by_concept.get(concept, ()), place)
    return Reading(tuple(clauses), by_concept, windows)


def _clauses(text: str, heading: frozenset[str], before: frozenset[str] = frozenset()) -> list[Clause]:
    """`before`: the concepts of the sentence before it."""
    found: list[Clause] = []
    unmarked = (_NAMED_NOT.sub(r"\1 \2", text) if "**" in text else text).replace("*", "")
    plain = folded(unmarked)
    if any(word in plain for word in _CONDITIONS):
        plain = _CONDITION.sub(r"\1; ", plain)
    conditional = bool(_SOMETIMES.search(plain)) and not _ALWAYS.search(plain)
    for part in _CLAUSE.split(plain):
        part = _LOST.sub("not kept", _NOT_LOST.sub("kept", part))
        own = concepts(part.replace("unlimited", "limit"))
        if not own:
            continue
        earlier = found[-1].concepts if found else before
        negated = bool(_NOT.search(part)) and bool(_NOT.search(_RELATIVE.sub(" ", _NO_NEGATION.sub(" ", part))))
        leans = bool(found or _LEANS.match(part) or _LEFT_OUT.search(part))
        context = heading | earlier if leans else heading
        found.append(
            Clause(
                concepts=own,
                context=context,
                negated=negated,
                supposed=part.startswith(_CONDITIONS),
                plans=frozenset(_PLANS & set(words(part))),
                sides=sides_in(part),
                people=people_in(part),
                conditional=conditional,
                amounts=tuple(amounts.amounts_in(amounts.in_figures(part))),
            )
        )
    return found
