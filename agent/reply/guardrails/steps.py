"""Steps in the order of the articles: "open the menu, then choose" is no "choose, then open the menu"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from agent.records import Passage
from agent.reply.guardrails.vocabulary import concepts, is_neutral

_STEP = re.compile(r"^[ \t]*\d{1,2}[.)]\s+(.+)$", re.MULTILINE)
_NEXT = re.compile(
    r"[.;:\n]\s*|,?\s+(?:and\s+)?then\s+|,\s+(?:and\s+)?(?=(?:open|select|choose|click|tap|press|enter)\b)"
)
_ACT = re.compile(
    r"^\W*(?:\d{1,2}[.)]\s*)?(?:(?:please|first|next|finally|now|once there)\b,?\s+)*"
    r"(?:open|select|choose|click|tap|press|enter|type|pick|copy|paste|drag|scan|save|set|go to|turn)\b"
)
_TURNS_ORDER = re.compile(r"\b(?:before|after|once|when|if|or|alternatively)\b")
"""Words by which a writer may name a later step first, or another way."""
_OBJECTS = concepts("menu name button file link text")
"""What a step is about, though any writer uses the words."""
_SAME_STEP = 0.7
_LEAST_CONCEPTS = 2


def out_of_order(plain: str, passages: Sequence[Passage]) -> str | None:
    """The step of a reply, in lower case, that one passage has before the step it follows; else None."""
    acts = [
        (act, said)
        for act in _NEXT.split(plain.lower())
        if _ACT.match(act) and not _TURNS_ORDER.search(act) and len(said := _matter(act)) >= _LEAST_CONCEPTS
    ]
    if len(acts) < 2:
        return None
    for passage in passages:
        steps = _steps(passage.body)
        for (_, earlier), (act, later) in pairwise(acts) if len(steps) > 1 else ():
            first, second = _place(earlier, steps), _place(later, steps)
            if first is not None and second is not None and second < first:
                return act.strip()
    return None


@lru_cache(maxsize=1024)
def _steps(body: str) -> tuple[frozenset[str], ...]:
    return tuple(_matter(match[1]) for match in _STEP.finditer(body.lower()))


def _matter(text: str) -> frozenset[str]:
    return frozenset(concept for concept in concepts(text) if not is_neutral(concept) or concept in _OBJECTS)


def _place(said: frozenset[str], steps: Sequence[frozenset[str]]) -> int | None:
    """The only step that has most of what is said."""
    shares = [len(said & step) / len(said) for step in steps]
    best = max(shares)
    return shares.index(best) if best >= _SAME_STEP and shares.count(best) == 1 else None
