"""What a question asks for beyond its words: a time or a number, and what has a name."""

from __future__ import annotations

import re
from functools import lru_cache

_TIME = (
    re.compile(r"\b(?:how (?:long|often|soon|quickly|frequently)|(?:until|till|since|by) when)\b", re.IGNORECASE),
    re.compile(
        r"\b(?:\d[\d,.]*|an?|one|two|three|five|six|seven|ten|twelve|thirty|every|each|once|twice)[ -]"
        r"(?:\w+ )?(?:second|minute|hour|day|night|week|month|quarter|year)s?\b"
        r"|\b(?:hourly|daily|weekly|monthly)\b",
        re.IGNORECASE,
    ),
)
_NUMBER = (
    re.compile(r"\bhow (?:many|big|large)\b|\b(?:limit|maximum|at most)\b", re.IGNORECASE),
    re.compile(r"\d|\b(?:no limit|unlimited|any number|as many as)\b", re.IGNORECASE),
)
_NAME = re.compile(r"(?<=[a-z0-9,] )([A-Z][A-Za-z0-9]+)\b")
_QUOTED = re.compile(r"[\"“«][^\"”»]{1,60}[\"”»]|(?<!\w)'[^']{1,60}'(?!\w)")


def is_in_kind(question: str, text: str) -> bool:
    """Whether a text has a time or a number where the last line of a question asks for one; else True."""
    newest = question.rpartition("\n")[2]
    return all(has.search(text) for asks, has in (_TIME, _NUMBER) if asks.search(newest))


def names_in(question: str) -> frozenset[str]:
    """What a question names, in lower case: the capitalised words inside its sentences, but for what is in quotes."""
    return frozenset(match[1].lower() for match in _NAME.finditer(_QUOTED.sub(" ", question)))


@lru_cache(maxsize=4096)
def names_of_title(title: str) -> frozenset[str]:
    """The names in an article's title, in lower case: its capitalised words after the first, the "Teams" of "Microsoft
    Teams integration". Titles That Write Every Word Like This tell no names.
    """
    later = [word.strip(".,:;!?()*`") for word in title.split()[1:]]
    if not any(word.islower() and len(word) > 3 for word in later):
        return frozenset()
    return frozenset(word.lower() for word in later if word[:1].isupper() and len(word) > 1)
