"""Words that stand on one side of something: who, on which device, old or new, on or off, more or less.

Two clauses about the same matter that name other sides of it say different things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.reply.guardrails.vocabulary import concepts

_WORDS = {
    "age": {"old": "old|former|previous", "new": "new"},
    "device": {
        "phone": "phones?|mobile|android|iphone|ios|smartphones?",
        "browser": "browsers?|desktop|computers?|laptops?|the web",
    },
    "switch": {
        "on": r"(?:turn|switch)\w*(?: \w+){0,3} on|enabled?|activated?",
        "off": r"(?:turn|switch)\w*(?: \w+){0,3} off|disabled?|deactivated?",
    },
    "place": {"top": "(?:at|on) the top|topmost|top (?:left|right)", "bottom": "(?:at|on) the bottom|at the foot"},
    "end": {"first": "first", "last": "last"},
    "time": {"before": "before", "after": "after"},
    "direction": {
        "up": "lift\\w*|rais\\w+|increas\\w+|higher|ris(?:es?|ing)|go(?:es)? up",
        "down": "lower\\w*|reduc\\w+|decreas\\w+|drops?|falls?|(?:bring|go)\\w* (?:\\w+ ){0,2}down",
    },
}
_PEOPLE = {
    "owner": "owners?",
    "admin": "admins?|administrators?",
    "member": "members?|everyone|everybody|anyone|anybody|(?:all|each|every) (?:people|users?|colleagues?|persons?)",
    "guest": "guests?",
}
_SCALE_OF = {f"{scale}_{side}": (scale, side) for scale, sides in _WORDS.items() for side in sides}
_SIDE = re.compile(
    r"\b(?:"
    + "|".join(f"(?P<{scale}_{side}>{words})" for scale, sides in _WORDS.items() for side, words in sides.items())
    + r")\b"
)
_ANY_PERSON = "|".join(_PEOPLE.values())
_PERSON = re.compile("|".join(rf"\b(?P<{side}>{words})\b" for side, words in _PEOPLE.items()))
_SEVERAL = rf"(?:{_ANY_PERSON})\b(?:(?:,| and| or|, and|, or) (?:(?:an?|the) )?(?:{_ANY_PERSON})\b)*"
_ACTING = re.compile(rf"^[\W\d]*(?:\w+ ){{0,3}}?\b{_SEVERAL}")
_ACTED_FOR = re.compile(rf"\b(?:by|to|for|only)(?: \w+){{0,2}}? {_SEVERAL}")
_ALONE = re.compile(r"\b(?:you|yours) (?:only|alone)\b|\bonly (?:you|yours|to you|for you)\b|\bnobody else\b")
_OF_ALL = frozenset({"member"})
"""What everybody may, an admin may."""
_FEW = frozenset({"owner", "admin"})
WHO = concepts("owner admin member guest everyone everybody anyone anybody people user colleague person")
"""The concepts by which people are named."""

Sides = frozenset[tuple[str, str]]


def sides_in(text: str) -> Sides:
    """The sides that a folded clause names, as (scale, side), without people."""
    return frozenset(_SCALE_OF[match.lastgroup] for match in _SIDE.finditer(text) if match.lastgroup)


def people_in(text: str) -> frozenset[str]:
    """Who does what a folded clause says, or may: at its beginning, or after 'by', 'to', 'for' and 'only'."""
    named = [match[0] for match in (_ACTING.search(text), _ACTED_FOR.search(text)) if match]
    found = {match.lastgroup for part in named for match in _PERSON.finditer(part) if match.lastgroup}
    return frozenset(found | {"self"} if _ALONE.search(text) else found)


def differs(said: Sides, known: Iterable[Sides]) -> bool:
    """Whether some scale of `said` is named by what is known, and always by other sides."""
    named: dict[str, set[str]] = {}
    for sides in known:
        for scale, side in sides:
            named.setdefault(scale, set()).add(side)
    return any(
        scale in named and named[scale].isdisjoint(side for other, side in said if other == scale)
        for scale in {scale for scale, _ in said}
    )


def are_others(said: frozenset[str], known: Iterable[frozenset[str]]) -> bool:
    """Whether what is known names people too, and never these; what everybody may, an admin may too."""
    named = frozenset().union(*known)
    return bool(said and named and said.isdisjoint(named)) and not (said <= _FEW and named & _OF_ALL)
