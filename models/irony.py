"""Praise of a fault, which is none: "Oh great, it doesn't load." "Well, that's just perfect. Two hours lost."

Other irony needs knowledge of the world and is not found here.
"""

from __future__ import annotations

import re

# How much of what follows the praise says whether it is meant.
_REACH = 80

_PRAISE = re.compile(
    r"(?:^|(?<=[.!?…]\s)|(?<=\n))\W{0,3}"
    r"(?P<mock>(?:(?:oh|ah|wow|yay|well|gee)\b[\s,]{0,3}){1,2}"
    r"(?:(?:that|this|it)(?:'s| is) )?(?:just |simply |how |so )?"
    r"|(?:that|this|it)(?:'s| is) (?:just|simply) |how |just )?"
    r"(?:great|wonderful|lovely|brilliant|fantastic|perfect|marvell?ous|splendid|superb|bravo|congrat\w*|nice|awesome"
    r"|amazing|impressive|fabulous|excellent|terrific|well done|magic|charming|delightful|top)"
    r"(?: one| job| work| stuff| testing| team)?\b",
    re.IGNORECASE,
)
_MEANT = re.compile(
    r"\b(?:works?|working|worked|fixed|solved|sorted|helped|thank\w*|thx|found|how|can|could|where|but|though|except|if"
    r"|i'll|we'll|i will|we will)\b",
    re.IGNORECASE,
)
_FAULT = re.compile(
    r"\b(?:again|crash\w*|gone|lost|los(?:e|ing)|broken?|broke|fail\w*|down|outage|vanish\w*|disappear\w*|wiped|twice"
    r"|worse|frozen|empty|duplicat\w*|di(?:ed|es)|another (?:update|crash|bug|error|outage|hour|evening|night)"
    r"|just what (?:i|we) needed)\b",
    re.IGNORECASE,
)
_MISHAP = re.compile(
    r"\b(?:not|nothing|no|still|late|stuck|useless|wrong|deleted|empty|errors?|(?:does|did|is|wo|ca|do|are|was)n['’]?t)\b",
    re.IGNORECASE,
)
_ENDED = re.compile(r"\b(?:errors?|problems?|issues?|bugs?|messages?)\b", re.IGNORECASE)


def praises_a_fault(text: str) -> bool:
    """Whether a sentence opens with praise that what follows makes ironic.

    After an "oh" or "that's just" any mishap does. Praise without it must stand alone, and what follows be a fault:
    "Brilliant. Down again."; "Great, the error is gone" is meant.
    """
    return any(_is_ironic(text, praise) for praise in _PRAISE.finditer(text))


def _is_ironic(text: str, praise: re.Match[str]) -> bool:
    rest = re.split(r"[?\n]", text[praise.end() : praise.end() + _REACH], maxsplit=1)[0]
    mocks = bool(praise["mock"])
    if not mocks and not re.match(r"\s?[,.!:…]", rest):
        return False
    fault = _FAULT.search(rest) or (_MISHAP.search(rest) if mocks else None)
    if fault is None:
        return False
    between = rest[: fault.start()]
    return not _MEANT.search(between) and (mocks or not _ENDED.search(between))
