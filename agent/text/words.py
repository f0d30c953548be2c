"""How a text is taken apart: sentences, words, and the words that carry its content."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?", re.IGNORECASE)
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\betc)(?<!\bvs)(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bMrs)"
    r"(?<=[.!?…])[\"')\]”’]*\s+(?=[\"'(\[“‘A-Z0-9¿¡])|\n+"
)

_ENDINGS = "ications ication ations ation ings ing ions ion ies ers ed ly es er s e".split()  # noqa: SIM905 - as below

STOPWORDS = frozenset(
    """
    a about above after again all also am an and any anybody anyone are aren't as at be because been before being
    but by can can't cannot could couldn't did didn't do does doesn't doing don't done for from further get gets
    getting give go going got had has hasn't have haven't having he hello help her here hers hey hi him his how i
    i'd i'll i'm i've if in into is isn't it it's its itself just kindly know let like look make many me mine more
    most much my myself need no nor not now of off ok okay on once one only or other our ours out over own please
    possible same say see she should shouldn't so some someone something such tell than thank thanks that that's the
    their theirs them then there these they they're this those through to too trying under until up us use using
    very via want wanted wants was wasn't way we we'd we're were weren't what what's when where which while who whom
    why will wish with won't would wouldn't yes yet you you're your yours
    """.split()  # noqa: SIM905 - a list of words reads best as words
)


def words(text: str) -> list[str]:
    """Every word in lower case, in order."""
    return [match.group().lower().replace("’", "'") for match in _WORD.finditer(text)]


def content_words(text: str) -> list[str]:
    """The words that are not function words, in order."""
    return [word for word in words(text) if word not in STOPWORDS and len(word) > 1]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A crude English stem, so that 'exporting', 'exports' and 'export' meet. Only for comparing words."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            base = word[: -len(ending)]
            if ending == "ies":
                return base + "y"
            return base[:-1] if len(base) > 3 and base[-1] == base[-2] and base[-1] not in "ls" else base
    return word


def stems(text: str) -> set[str]:
    """The stems of the content words."""
    return {stem(word) for word in content_words(text)}


def sentences(text: str) -> list[str]:
    """The sentences in order; a line break ends a sentence too."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]
