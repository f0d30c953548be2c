"""A customer's mood as far as it changes what is said: thanks at length, and outbursts that ask for nothing."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from agent.text.query import without_manners
from agent.text.smalltalk import small_talk
from agent.text.words import content_words, sentences
from models.sentiment import LexiconSentiment

UPSET = -0.2
"""Below this a reply says that it is sorry; the policy has its own threshold."""
_GRATITUDE_WORDS = 80
_PLEASED = 0.1

_THANKS = re.compile(
    r"\b(thank(s|ed|ful)?|thx|ty|tysm|cheers|grateful|kudos|bravo|compliments?"
    r"|appreciate[ds]?|saved (me|us|my|our|the)|lifesaver"
    r"|merci|gracias|danke|grazie|obrigad[oa])\b",
    re.IGNORECASE,
)
_SAYS_ONLY = re.compile(
    r"\b(no questions?,? )?(i |we |just |only |a (short|quick) (note|word|line) )*(want(ed)?|wish(ed)?|would like|note"
    r"|writing|write) to (say|tell you|let you know|thank|express|pass on)\b( that)?|\bkeep (it|up)\b",
    re.IGNORECASE,
)
"""How a message begins that says something and asks for nothing."""
_PRAISE = re.compile(
    r"\b(quick|fast|prompt|swift|spot on|clear(ly)?|exactly|impressed|super|smooth(ly)?|(you|u) rock|well done)\b",
    re.IGNORECASE,
)
_WANTS = re.compile(
    r"\?|\b(please|pls|plz|how|but|however|although|though|except|unless|if|would|could|should|suggest\w*"
    r"|(can|will|did|do) (you|u|i|we)|(?<!what )(?<!all )(?<!thing )(i|we) (need|want|wish)|help (me|us)"
    r"|let (me|us) know|waiting|in advance)\b"
    r"|['’]d\b|n['’]t\b|\b(not|never|no longer|cannot|unable|stopped|fail\w*|errors?|missing|wrong|lost|stuck|slow"
    r"|disappear\w*|crash\w*|expired|locked|still)\b",
    re.IGNORECASE,
)


def is_gratitude(text: str) -> bool:
    """Whether a text only thanks, at whatever length: every sentence is pleased, and none wants anything."""
    if len(text.split()) > _GRATITUDE_WORDS:
        return False
    said = _SAYS_ONLY.sub(" ", without_manners(text))
    only_says = bool(_THANKS.search(text)) or said != without_manners(text)
    if not only_says or _WANTS.search(said):
        return False
    return all(
        small_talk(part) is not None
        or len(content_words(part)) < 2
        or _score(part) > _PLEASED
        or (_PRAISE.search(part) and _score(part) >= 0)
        for part in sentences(said)
    )


@lru_cache(maxsize=4096)
def is_feeling(word: str) -> bool:
    """Whether a word says how the writer feels, and so nothing of what happened."""
    return abs(_score(word)) > _PLEASED


def _score(text: str) -> float:
    return _lexicon().score_text(text)


@cache
def _lexicon() -> LexiconSentiment:
    return LexiconSentiment()
