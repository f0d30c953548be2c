"""Which passage answers a question: the best article first, then the section of it that fits the intent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.text.query import is_follow_up
from agent.text.smalltalk import is_vague
from agent.text.words import content_words, stem, words
from models.asked_for import is_in_kind, names_in, names_of_title

STEP = re.compile(r"^\s{0,3}(\d{1,2})[.)]\s+\S")
_HOW_TO = re.compile(
    r"\bhow (?:do|can|could|would|should|to|does)\b|\bwhere (?:do|can|is|are)\b|\bsteps?\b|\bset(?:ting)? ?up\b"
    r"|\bguide\b|\bwalk me through\b"
    r"|^\W*(?:can|could|may) (?:i|we|you)\b|\bi (?:want|need|would like|am trying|'m trying) to\b|\b(?:unable"
    r"|can(?:'|no)t|cannot) \w+",
    re.IGNORECASE,
)
_ASKS_HOW = re.compile(r"\bhow (?:do|can|could|would|should|to)\b|\bsteps?\b", re.IGNORECASE)
_ASKS_WHAT = re.compile(
    r"\b(?:what|which|who|whose|difference|allowed|how (?:long|many|much|often|big|large))\b"
    r"|^\W*(?:can|could|may|do|does|is|are|will) (?!(?:i|we|you|u|it|there)\b)\w",
    re.IGNORECASE,
)
_TROUBLE = re.compile(
    r"n['’]t\b|\b(?:(?:do|does|did|ca|wo)nt|down|not|never|no longer|no (?:updates?|e-?mails?|notifications?)"
    r"|nothing|cannot|unable|stopped|fail(?:s|ed|ing)?|errors?|missing|wrong|lost"
    r"|broken|stuck|slow|trouble\w*|problems?|issues?|disappear\w*|crash\w*|expired|locked out|fix)\b",
    re.IGNORECASE,
)
_CASE = re.compile(
    r"(?:the|an?|your?|it|they|two|some|no|nothing|events?|changes?|totals?) .*?"
    r"\b(?:is|are|was|were|has|have|does|cannot|can no|sends?|arrives?|appears?|shows?|keeps?"
    r"|uses?|loads?|differs?|looks?|stays?|moved|came|comes|changed)\b",
    re.IGNORECASE,
)
"""A heading that is the case of something ("The address is already in use") and not what one does or what there is."""
_SYNONYMS = {
    "remove": "delete erase",
    "member": "colleague teammate coworker",
    "picture": "photo avatar image",
    "mobile": "phone android iphone ios",
    "offline": "internet wifi",
    "login": "signin logon",
    "change": "modify edit update alter switch",
    "add": "create new make invite",
    "email": "mail",
    "attachment": "attach upload",
    "file": "document",
    "task": "card todo",
    "board": "project",
    "colour": "color",
    "favourite": "favorite bookmark",
    "timeline": "gantt",
    "due": "deadline",
    "list": "column",
    "notification": "alert notify notified",
    "recur": "repeat",
    "slow": "lag laggy sluggish performance",
    "factor": "2fa mfa authenticator",
    "export": "download",
    "restore": "recover undelete accident accidentally mistake retrieve back",
    "enable": "turn activate disable deactivate stop mute",
    "finish": "terminate conclude",
}
_SAME_STEMS = {stem(word): stem(target) for target, group in _SYNONYMS.items() for word in group.split()}
"""Customers' words for the words of the articles, as stems; for comparing only."""
_HANDS_OVER = re.compile(r"\ba person of (?:our|the) (?:\w+ )?team\b|\bour billing team\b", re.IGNORECASE)
"""What the policy hands over: a message that gets as far as the articles is not about it."""
_REFERS = re.compile(r"\b(?:read|see|(?:is|are) in) \*[A-Z]")
"""How a text sends its reader to another article; a short one that does says little itself."""
INFORMS = re.compile(r"(?:what|who|which|how)\b", re.IGNORECASE)
"""A heading under which is said what is the case, not what one does."""

_COMMON_WORDS = (
    "taskflow task board project list workspace team account app data add change remove create set show find open "
    "select choose work member day user"
)
_COMMON = {stem(word) for word in _COMMON_WORDS.split()}
_COMMON_WEIGHT = 0.25
_RANK_COST = 0.03
_INTENT = 0.07
_FOLLOW_UP = 0.1
_ABOUT = 0.5
_NAMES = 0.1
_KIND = 0.06
_OPENING_WORDS = 30


@dataclass(frozen=True, slots=True)
class Found:
    """A passage as a model sees it in a search's result."""

    article: str
    title: str
    section: str
    text: str
    similarity: float


def meaning(text: str) -> set[str]:
    """The stems of a text's content words, with customers' words taken for the articles'."""
    found = (stem(word.removesuffix("'s")) for word in content_words(text))
    return {_SAME_STEMS.get(word, word) for word in found}


@lru_cache(maxsize=4096)
def _article_meaning(text: str) -> frozenset[str]:
    """Of article text only: it comes again and again, and what a customer wrote is not kept."""
    return frozenset(meaning(text))


@lru_cache(maxsize=4096)
def _article_words(text: str) -> frozenset[str]:
    """As _article_meaning, kept for the same reason."""
    return frozenset(words(text))


def words_of(passages: Iterable[Found]) -> set[str]:
    """Every word of the passages in lower case, titles and sections included."""
    return {word for passage in passages for word in _article_words(_whole(passage))}


def meaning_of(passages: Iterable[Found]) -> set[str]:
    """What the passages speak of, titles and sections included."""
    return {word for passage in passages for word in _article_meaning(_whole(passage))}


def _whole(passage: Found) -> str:
    return f"{passage.title} {passage.section} {passage.text}"


def coverage(question: set[str], passage: Found) -> float:
    """The share of a question's meaning that a passage speaks of, title and section included.

    Words that every article uses count little: that a passage speaks of tasks says nothing.
    """
    total = sum(map(_weight, question))
    found = question & _article_meaning(_whole(passage))
    return sum(map(_weight, found)) / max(total, 1.0)


def _weight(word: str) -> float:
    return _COMMON_WEIGHT if word in _COMMON else 1.0


def is_commonplace(question: set[str]) -> bool:
    """Whether a meaning is all words that every article uses."""
    return all(word in _COMMON for word in question)


def best_passage(question: str, passages: Sequence[Found], *, words_weight: float = 0.15) -> Found | None:
    """The best section of the best article; a larger `words_weight` trusts shared words more than closeness.

    Where that article says nothing of what a follow-up asks, and another is about it, it is the other's.

    The passages are in the search's order, which counts: it is of the whole article, and of rarer words than these.
    """
    wanted = meaning(question)
    added = _added(question)
    names = names_in(question)
    troubled = bool(_TROUBLE.search(question))
    ranks = {article: rank for rank, article in enumerate(dict.fromkeys(passage.article for passage in passages))}

    def of_article(passage: Found) -> float:
        shared = words_weight * coverage(wanted, passage) + 0.1 * _share(wanted, f"{passage.title} {passage.section}")
        shared += _FOLLOW_UP * coverage(added, passage) if added else 0.0
        shared += _NAMES * _share_of_names(names, passage)
        intent = -_INTENT if not troubled and _TROUBLE.search(passage.title) else 0.0
        return passage.similarity + shared + intent - _RANK_COST * ranks[passage.article]

    answering = [passage for passage in passages if not _HANDS_OVER.search(passage.text)] or passages
    best = max(answering, key=of_article, default=None)
    if best is None:
        return None
    facet = facet_of(question)
    newest = frozenset(words(_newest(question)))
    named = [passage for passage in answering if newest & names_of_title(passage.title)]
    about_it = [passage for passage in answering if facet & _article_meaning(passage.title)]
    of_best = [passage for passage in answering if passage.article == best.article]
    silent = not any(facet & _article_meaning(_whole(passage)) for passage in of_best)
    evasive = not any(is_in_kind(question, passage.text) for passage in of_best)
    if named:
        best = max(named, key=of_article)
    elif about_it and (silent or evasive or best.article in {passage.article for passage in about_it}):
        best = max(about_it, key=lambda passage: of_article(passage) + _ABOUT * _aboutness(facet, passage.title))
    sections = [passage for passage in answering if passage.article == best.article]
    return max(sections, key=lambda passage: _of_section(question, wanted, passage))


def facet_of(question: str) -> set[str]:
    """What a terse follow-up asks of the matter before it ("and on mobile?"), empty where it names nothing new."""
    told = " ".join(word for word in content_words(_newest(question)) if not is_vague(word))
    return meaning(told) - meaning(question.rpartition("\n")[0]) - _COMMON


def _newest(question: str) -> str:
    """A terse follow-up, of a question under which it stands; empty for any other question."""
    _, under, newest = question.rpartition("\n")
    return newest if under and is_follow_up(newest) else ""


def _share_of_names(names: frozenset[str], passage: Found) -> float:
    """The share of names that the heading path of a passage has."""
    return len(names & _article_words(passage.section)) / len(names) if names else 0.0


def _aboutness(wanted: set[str], title: str) -> float:
    """How much of a title is what is wanted: "Mobile app" is more about it than "Widgets and sharing on a phone"."""
    told = _article_meaning(title)
    return len(wanted & told) / max(len(told), 1)


def _of_section(question: str, wanted: set[str], passage: Found) -> float:
    """How well a section of the right article answers.

    Sections of one article differ in intent more than in words: how it is done, or what to do when it fails. Its
    opening lines say what the article is about, which is close to every question and answers none.
    """
    _, _, heading = passage.section.rpartition(" > ")
    troubled = bool(_TROUBLE.search(question))
    # What the title says already tells no section from another.
    telling = wanted - _article_meaning(passage.title)
    score = passage.similarity + 0.25 * _share(telling, heading) + 0.15 * _share(wanted, passage.text)
    if _REFERS.search(passage.text) and len(passage.text.split()) < _OPENING_WORDS:
        score -= 0.1
    if added := _added(question):
        score += _FOLLOW_UP * (_share(added, heading) + _share(added, passage.text))
    score += _INTENT * _fit_of_intent(question, heading, troubled=troubled)
    score -= 0.0 if is_in_kind(question, passage.text) else _KIND
    has_steps = any(STEP.match(line) for line in passage.text.splitlines())
    if has_steps and is_how_to(question) and not troubled:
        score += 0.04
    if " > " not in passage.section and not has_steps and len(passage.text.split()) < _OPENING_WORDS:
        score -= 0.25
    return score


def _added(question: str) -> set[str]:
    """What a terse follow-up adds to the earlier question that it stands under, empty for any other question."""
    return meaning(_newest(question))


def _fit_of_intent(question: str, heading: str, *, troubled: bool) -> int:
    """1 where a section is of what is asked for: how to do it, what there is, or what is wrong; -1 where it is not."""
    asks_how, asks_what = bool(_ASKS_HOW.search(question)), bool(_ASKS_WHAT.search(question))
    if INFORMS.match(heading):
        if troubled or asks_how:
            return -1
        return 1 if asks_what and not _TROUBLE.search(heading) else 0
    if troubled != _is_of_trouble(heading):
        return -1
    return 0 if asks_what and not asks_how and not troubled else 1


def _is_of_trouble(heading: str) -> bool:
    return bool(_TROUBLE.search(heading) or _CASE.match(heading))


def _share(wanted: set[str], text: str) -> float:
    return len(wanted & _article_meaning(text)) / max(len(wanted), 1)


def is_how_to(question: str) -> bool:
    return bool(_HOW_TO.search(question))
