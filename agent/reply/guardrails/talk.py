"""What a reply says beside its statements: manners, questions. And what small talk may say where articles match."""

from __future__ import annotations

import re

from agent.reply.guardrails.sources import Sources
from agent.reply.guardrails.vocabulary import concepts, is_neutral
from agent.text.smalltalk import small_talk

_MOST_UNKNOWN = 3
_MANNERS = re.compile(
    r"\b(?:glad|happy|welcome|sorry|apologi[sz]e|help you|tell me|let me know|write back|questions? about|could you"
    r"|would you|please|thank|feel free|help articles|takes? over|not sure|found nothing|only help|cannot help"
    r"|no article)\b"
)
_REFUSES = re.compile(
    r"\b(?:i|we)(?:'m| am| are)? (?:can(?:not|'t)|can only|could not|only|am not|do not|don't|help)\b"
)
_PLEASED = re.compile(r"\b(?:glad|happy|delighted|great to hear|thank|welcome)\b")
_OURSELVES = re.compile(r"\b(?:i|we|me|us|our|my)\b")
_GENERAL = concepts("task board list workspace project team account app article product support service")
"""What a refusal names when it says what it is for."""
_ASKS = r"(?:how|what|where|when|why|who|which|can|could|do|does|did|is|are|was|will|would|should|may|have|has)"
_THEN_ASKS = re.compile(
    rf"^(?!\W*(?:{_ASKS}|if|and|or|but|so)\b)(?P<stated>[^?]{{8,400}}?)(?:,\s*(?:and|but|so|or)?|\s(?:and|but|so))\s+"
    rf"{_ASKS}\b[^?]*\?\W*$",
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"\?|\b(?:how|what|where|when|why|which|can(?:not)?|could|does|need|want|wish|would like|help|tell me|not|never"
    r"|no longer|stopped|fail\w*|errors?|missing|wrong|lost|stuck|crash\w*)\b|n['’]t\b",
    re.IGNORECASE,
)


def stated(sentence: str) -> str:
    """What a sentence states before it asks ("It does not work offline, and how do I turn that on?"); a sentence that
    only asks, or only states, as it is."""
    match = _THEN_ASKS.match(sentence) if "?" in sentence else None
    return match["stated"] if match else sentence


def matter_of(text: str) -> frozenset[str]:
    """The concepts of a text that say something of the matter."""
    return frozenset(concept for concept in concepts(text) if not is_neutral(concept))


def is_manners(statement: str, matter: frozenset[str], sources: Sources) -> bool:
    """Whether a sentence is one of politeness, which states nothing; not a recipe that begins with 'please'."""
    unknown = matter - sources.domain - sources.heard
    return len(unknown) <= _MOST_UNKNOWN and bool(_MANNERS.search(statement.lower()))


def wants_something(asked: str) -> bool:
    """Whether a customer's message asks or tells of trouble, so that talk alone is no answer to it."""
    return bool(_WANTS.search(asked)) and small_talk(asked) is None


def answers_in_talk(statement: str, matter: frozenset[str], sources: Sources) -> bool:
    """Whether a statement of small talk, or of a refusal, says something of the product to who asked for something.

    An answer cites articles and is held against them; what calls itself talk does not, and may be made of the
    question's own words. Manners may name what the product is for, thanks what they are for, and a refusal what it
    refuses.
    """
    told = matter - sources.facts.concepts
    said = statement.lower()
    if not is_manners(statement, matter, sources):
        return bool(told & (sources.domain | sources.heard)) or not (_OURSELVES.search(said) or not concepts(said))
    named_back = sources.heard if _REFUSES.search(said) or _PLEASED.search(said) else frozenset()
    return bool((told & sources.domain) - _GENERAL - named_back)
