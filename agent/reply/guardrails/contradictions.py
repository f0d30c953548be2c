"""Whether the clauses of passages that are nearest to what is said say the opposite, or say it of something else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from agent.reply.guardrails import amounts
from agent.reply.guardrails.clauses import ALWAYS, Clause, Reading, clauses_of
from agent.reply.guardrails.sides import WHO, are_more, are_others, differs
from agent.reply.guardrails.sources import Sources
from agent.reply.guardrails.vocabulary import COMMON, concepts, is_neutral

LEAST_CONCEPTS = 2
SAME_MATTER = 0.6
"""So much of a clause's concepts in one of a passage makes the two be about the same."""
_AS_NEAR = 0.08
_LEANT = 0.8
_DENIED = 0.34
"""So much of what a clause says must be together where it is denied."""
_NEUTRAL_WEIGHT = 0.35
_OF_PLANS = concepts(
    "free pro business enterprise plan part belong include come available have paid higher above all every"
)
"""By which a plan is named and said to have something."""
_LISTS_PLANS = re.compile(r"\b(?:part of|available (?:in|on|to|with|for)|included in|belongs? to|comes? with)\b")
_BROAD = COMMON | concepts("task board list workspace project")
_UNLIMITED = re.compile(
    r"\bas (?:many|much|deep|deeply|long|large|big|often) as (?:you|they) (?:like|want|wish|need|please)\b"
    r"|\bunlimited\b|\b(?:no|without(?: an?y?)?) limit\b|\bany number of\b"
)
_RESTRICTS = re.compile(r"\b(?:provided|as long as|only (?:if|when|once|after)|unless|on condition|not until)\b")
_ENOUGH = re.compile(
    r"\b(?:is|are|be) (?:already |quite )?(?:enough|sufficient)\b|\bsuffices?\b"
    r"|\b(?:enough|sufficient) (?:that|if|to be)\b"
)
_SUFFICES = re.compile(r"\b(?:only needs?|needs? only|at least|any of|either)\b")
_SUSPECTS = re.compile(
    r"\b(?:most likely|probably|perhaps|maybe|possibly|chances are|it (?:seems|looks|sounds))\b.{0,40}"
    r"\b(?:he|she|they|it|you|(?:your|the) \w+)\b ?(?:is|are|has|have|did|do|does|was|were)(?:n't| not)\b"
)
"""'most likely it is not shared yet' supposes something of the reader's own, and says nothing of the product."""
_SUPPOSES = re.compile(r"\b(?:if|when|unless|once) (?:you|they|it|there)\b")


def is_turned_around(statement: str, readings: Sequence[Reading], sources: Sources) -> bool:
    """Whether the clauses that are nearest in matter all say the opposite, or say it of others or with other values."""
    supposed: frozenset[str] = frozenset()
    suspects = bool(_SUSPECTS.search(statement.lower().replace("’", "'")))
    for clause in clauses_of(statement, frozenset()):
        if suspects and clause.negated:
            continue
        if clause.supposed:
            supposed = clause.concepts  # states nothing by itself, and is what the next one is about
            continue
        matter = clause.concepts - (sources.heard - sources.domain)
        if _is_clause_turned_around(statement, clause, matter, readings):
            return True
        if clause.people and clause.core and _is_of_others(clause, matter & clause.core, readings):
            return True
        if supposed and clause.people and _is_of_others(clause, matter | (supposed & sources.domain), readings):
            return True
        supposed = frozenset()
    return False


def _is_clause_turned_around(
    statement: str, clause: Clause, matter: frozenset[str], readings: Sequence[Reading]
) -> bool:
    """The same of one clause, which is about `matter`."""
    if len(matter) < LEAST_CONCEPTS:
        return False
    same = _nearest(matter, readings)
    if _is_opposite(clause, same):
        return True
    if same and _is_otherwise(statement, clause, same):
        return True
    if clause.people and _is_opposite(clause, _nearest(matter - WHO, readings)):
        return True
    for person in clause.people:
        if _is_opposite(clause, _nearest(matter - WHO, readings, _naming(person))):
            return True
    # Of what it is said is compared by itself, so that 'any member may' is near to 'an admin may'.
    if clause.plans and _is_of_other_plans(statement, clause, matter, readings):
        return True
    if clause.people and _is_of_others(clause, matter, readings):
        return True
    if clause.sides and _is_opposite_there(clause, matter, readings):
        return True
    return not clause.negated and _is_denied(_told(matter), readings)


def _naming(person: str) -> Callable[[Clause], bool]:
    return lambda other: person in other.people


def _is_opposite(clause: Clause, same: Sequence[Clause]) -> bool:
    return bool(same) and all(other.negated != clause.negated and not other.unclear for other in same)


def _is_of_other_plans(statement: str, clause: Clause, matter: frozenset[str], readings: Sequence[Reading]) -> bool:
    """Whether what is said of plans is said of none of these where plans are named."""
    told = matter - _OF_PLANS
    weight = _weight(told)
    # 'It is part of the Pro plan' names its matter in the sentence before.
    shares = [
        (_weight(told & (other.concepts | other.context)) / weight, other.plans)
        for reading in readings
        for other in reading.clauses
        if other.plans and weight and not other.supposed
    ]
    best = max((share for share, _ in shares), default=0.0)
    named = frozenset().union(*(plans for share, plans in shares if share >= max(SAME_MATTER, best - _AS_NEAR)))
    # Of several plans that are listed none is left out.
    is_list = len(clause.plans) > 1 and bool(_LISTS_PLANS.search(statement.lower()))
    return bool(named) and not (clause.plans == named if is_list else clause.plans <= named)


def _is_of_others(clause: Clause, matter: frozenset[str], readings: Sequence[Reading]) -> bool:
    """Whether what people may or do is said of others where people are named."""
    matter = matter - WHO
    if len(matter) < LEAST_CONCEPTS and matter <= _BROAD:
        return False
    known = [other.people for other in _nearest(matter, readings, lambda other: bool(other.people))]
    return are_others(clause.people, known) or (not clause.negated and are_more(clause.people, known))


def _is_opposite_there(clause: Clause, matter: frozenset[str], readings: Sequence[Reading]) -> bool:
    """Whether the opposite is said of the side that the clause names, though the same is said of another."""
    there = _nearest(matter, readings, lambda other: bool(other.sides & clause.sides))
    return _is_opposite(clause, there)


def _told(matter: frozenset[str]) -> list[str]:
    return [concept for concept in matter if not is_neutral(concept)] or list(matter)


def _nearest(
    matter: frozenset[str], readings: Sequence[Reading], counts: Callable[[Clause], bool] | None = None
) -> list[Clause]:
    """The clauses that are about a matter, as near as the nearest of them; with `counts` of those that do."""
    if len(matter) < LEAST_CONCEPTS and counts is None:
        return []
    weight = _weight(matter)
    told = _told(matter)
    nearest: list[tuple[float, Clause]] = []
    for reading in readings:
        # What is only supposed ("when a step needs an owner") says nothing of what is the case.
        places = {
            place
            for concept in told
            for place in reading.by_concept.get(concept, ())
            if not reading.clauses[place].supposed and (counts is None or counts(reading.clauses[place]))
        }
        near = [(_sameness(matter, weight, reading.clauses[place]), place) for place in places]
        nearest += [(share, reading.clauses[place]) for share, place in near if share >= SAME_MATTER]
    best = max((share for share, _ in nearest), default=0.0)
    return [other for share, other in nearest if share >= best - _AS_NEAR]


def _is_otherwise(statement: str, clause: Clause, same: list[Clause]) -> bool:
    """Whether what says the same names other people or devices, has a condition that is left out, or other values."""
    if differs(clause.sides, (other.sides for other in same if other.negated == clause.negated)):
        return True
    if all(other.conditional for other in same) and _says_always(statement.lower()):
        return True
    if all(other.conceding for other in same) and _RESTRICTS.search(statement.lower()):
        return True
    if _UNLIMITED.search(statement.lower()) and all(other.sentence_amounts for other in same):
        return True
    return any(
        amounts.conflicts(amount, (known for other in same for known in other.sentence_amounts))
        for amount in clause.amounts
    )


def claims_enough(statement: str, texts: Iterable[str]) -> bool:
    """Whether something is said to be enough, and no text says so of anything: 'a member's role is enough'."""
    return bool(_ENOUGH.search(statement)) and not any(_ENOUGH.search(text) or _SUFFICES.search(text) for text in texts)


def _says_always(said: str) -> bool:
    return bool(ALWAYS.search(said)) and not _SUPPOSES.search(said)


def _is_denied(told: Iterable[str], readings: Sequence[Reading]) -> bool:
    """Whether concepts are together in a clause that denies something, and in none that affirms, or one is in none."""
    specific = frozenset(concept for concept in told if concept not in COMMON and not is_neutral(concept))
    for reading in readings:
        denying = {
            place for each in specific for place in reading.by_concept.get(each, ()) if reading.clauses[place].negated
        }
        for place in denying:
            shared = specific & reading.clauses[place].concepts
            if reading.clauses[place].elliptic and _is_item_denied(shared, specific, reading.clauses[place], readings):
                return True
            if len(shared) < max(2, _DENIED * len(specific)):
                continue
            if any(_is_only_denied(each, readings) for each in shared) or not _is_affirmed(shared, readings):
                return True
    return False


def _is_item_denied(
    items: frozenset[str], specific: frozenset[str], clause: Clause, readings: Sequence[Reading]
) -> bool:
    """Whether of some item of a list that is denied ("comments and files are not") the same is said and nowhere so."""
    done = specific & (clause.context - clause.concepts)
    return bool(done) and any(not _is_affirmed(frozenset({item}) | {act}, readings) for item in items for act in done)


def _is_only_denied(concept: str, readings: Sequence[Reading]) -> bool:
    places = [(reading, place) for reading in readings for place in reading.by_concept.get(concept, ())]
    return all(reading.clauses[place].negated for reading, place in places)


def _is_affirmed(together: frozenset[str], readings: Sequence[Reading]) -> bool:
    """Whether some clause that denies nothing has all of them."""
    return any(
        not clause.negated and together <= clause.concepts | clause.context
        for reading in readings
        for clause in (reading.clauses[place] for each in together for place in reading.by_concept.get(each, ()))
    )


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
