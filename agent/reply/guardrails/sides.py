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
    "time": {"before": "before|until|till|as long as", "after": "after"},
    "sign": {"in": "(?:signed|logged|signs?|logs?) in", "out": "(?:signed|logged|signs?|logs?) out"},
    "both": {"both": "both", "only": "only"},
    "need": {"needed": r"needs?|requires?|must have", "without": r"without|no need|needs? no|(?:works?|runs?) offline"},
    "moment": {
        "now": r"at once|immediately|instantly|(?:right|straight) ?away|without delay|on the spot",
        "later": r"at the end of|for another \w+|not before|only after|the next (?:day|morning|month)"
        r"|when .{3,30} is over",
    },
    "hand": {
        "hand": r"by hand|manually|yourself",
        "itself": r"(?:by )?(?:itself|themselves)|automatically|automatic|on its own",
    },
    "company": {
        "together": r"together with|jointly|combined",
        "apart": r"apart|separately|individually|one by one",
    },
    "quantity": {
        "more": r"more (?:\w+ ){0,3}than|exceeds?|above|at least",
        "less": r"less (?:\w+ ){0,3}than|fewer|below|at most|up to",
    },
    "sight": {"public": r"public(?:ly)?|visible", "private": r"private(?:ly)?|hidden"},
    "writing": {
        "read": r"read[- ]only|only (?:be )?(?:read|viewed)",
        "edit": r"(?:can|may) (?:be )?(?:edit(?:ed)?|chang(?:e|ed))",
    },
    "ways": {"one": r"one[- ]way|in one direction", "both": r"both ways|two[- ]way|in both directions"},
    "ending": {"ever": r"for good|for ever|forever|permanently", "while": r"for a while|temporarily"},
    "likeness": {"same": r"the same", "other": r"different|(?:its|their|your) own|of (?:its|their) own"},
    "rhythm": {
        "day": r"daily|(?:every|each|once a) (?:day|morning|evening)",
        "week": r"weekly|(?:every|each|once a) week|on mondays",
        "month": r"monthly|(?:every|each|once a) month",
        "year": r"yearly|annually|(?:every|each|once a) year",
    },
    "some": {
        "all": r"all of (?:them|these|those)|every one(?: of them)?|each of (?:them|these|those)",
        "one": r"(?:any|one) of (?:them|these|those)|a single one|one (?:\w+ )?is enough",
    },
    "fate": {
        "kept": r"waits?|kept|keeps?|stays?|remains?|restored|brought back|comes? back",
        "gone": r"discarded|lost|dropped|erased|removes?|removed|disappears?",
    },
    "times": {
        "once": r"(?:works?|used?|only|just|shown|valid|counts?) (?:only )?once|(?:only|just) one time|only this time",
        "often": r"as often as|(?:any|unlimited) (?:number of )?times|repeatedly|more than once|several times"
        r"|again later|later again|over and over|at any time",
    },
    "course": {
        "on": r"(?:go(?:es)?|carr(?:y|ies)) on|continues?|keeps? (?:running|working|going)|(?:works?|runs?) again"
        r"|still (?:works?|runs?|counts?|gets?|receives?)|(?:is|are) valid for",
        "ends": r"(?<!nothing )(?<!not )stops?|no longer works?|ceases?",
    },
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
    "follower": "followers?|watchers?",
}
_WHOSE = (
    (
        re.compile(r"\b(?:(?:their|your|its|his|her) own|of (?:their|your|his|her) own|yours? alone)\b"),
        ("whose", "own"),
    ),
    (
        re.compile(
            r"\b(?:(?:of|by|from) (?:others|other (?:people|members|users)|(?:their |your )?colleagues|somebody else"
            r"|someone else)|(?:somebody|someone) else's|all of them|other (?:people|member|user|person)s?'s?"
            r"|(?:those|that) of (?:\w+ ){0,2}?(?:others|colleagues|members|people|users))\b"
        ),
        ("whose", "others"),
    ),
)
"""Apart from the rest, which read "their own" as another."""
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
_YOU = "reader"
_READER = re.compile(r"^\W*(?:(?:and|or|but|then) )?you (?:can|may)\b")
"""Of whom an article says that they can, every member can; a reply speaks to one reader."""
_OF_ALL = frozenset({"member"})
"""What everybody may, an admin may."""
_FEW = frozenset({"owner", "admin"})
_RANKS = {"guest": 0, "member": 1, "admin": 2, "owner": 3}
WHO = concepts("owner admin member guest everyone everybody anyone anybody people user colleague person")
"""The concepts by which people are named."""

_WIDENED = frozenset({"whose"})
"""Of these both sides are more than one."""

Sides = frozenset[tuple[str, str]]


def sides_in(text: str) -> Sides:
    """The sides that a folded clause names, as (scale, side), without people."""
    found = {_SCALE_OF[match.lastgroup] for match in _SIDE.finditer(text) if match.lastgroup}
    return frozenset(found | {side for pattern, side in _WHOSE if pattern.search(text)})


def people_in(text: str) -> frozenset[str]:
    """Who does what a folded clause says, or may: at its beginning, or after 'by', 'to', 'for' and 'only'."""
    named = [match[0] for match in (_ACTING.search(text), _ACTED_FOR.search(text)) if match]
    found = {match.lastgroup for part in named for match in _PERSON.finditer(part) if match.lastgroup}
    if _READER.search(text):
        found.add(_YOU)
    return frozenset(found | {"self"} if _ALONE.search(text) else found)


def differs(said: Sides, known: Iterable[Sides]) -> bool:
    """Whether some scale of `said` is named by what is known, and always by other sides."""
    named: dict[str, set[str]] = {}
    for sides in known:
        for scale, side in sides:
            named.setdefault(scale, set()).add(side)
    for scale in {scale for scale, _ in said} & named.keys():
        here = {side for other, side in said if other == scale}
        if not here <= named[scale] if scale in _WIDENED else named[scale].isdisjoint(here):
            return True
    return False


def are_others(said: frozenset[str], known: Iterable[frozenset[str]]) -> bool:
    """Whether what is known names people too, and never these; what everybody may, an admin may too."""
    named = frozenset().union(*known)
    if _YOU in named:
        named |= _OF_ALL
    said -= {_YOU}
    return bool(said and named and said.isdisjoint(named)) and not (said <= _FEW and named & _OF_ALL)


def are_more(said: frozenset[str], known: Iterable[frozenset[str]]) -> bool:
    """Whether several are named, and one of them has fewer rights than everybody of whom it is known."""
    named = frozenset().union(*known) & _RANKS.keys()
    ranked = said & _RANKS.keys()
    return bool(len(ranked) > 1 and named) and min(_RANKS[one] for one in ranked) < min(_RANKS[one] for one in named)
