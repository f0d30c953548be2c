"""What the offline model decides, by rules that a support lead would give a new colleague.

Small talk and what is not about the product get a short reply. A question gets the part of an article that answers
it. When nothing does convincingly, it searches once more in other words; then it names the nearest article and asks
whether that is meant, and where nothing is near says plainly that it does not know, by handing over. What says too
little to search for gets a question back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agent.records import ReasonCode
from agent.reply.draft import ReplyKind
from agent.text.data import instructs_a_model, without_instructions
from agent.text.language import is_english, language_of
from agent.text.query import asks, is_follow_up
from agent.text.smalltalk import Remark, is_about_software, is_off_topic, is_vague, small_talk
from agent.text.spelling import Spellings
from agent.text.words import STOPWORDS, content_words, sentences, words
from models.extraction import closest_sentences, extract
from models.offline_composition import compose
from models.offline_exchange import (
    accepts_a_person,
    asks_about_the_ticket,
    asks_how,
    corrects_us,
    names_again,
    says_that_it_did_not_help,
    was_asked_back,
)
from models.offline_input import Seen
from models.offline_moods import UPSET, is_feeling, is_gratitude
from models.offline_texts import (
    NEAREST,
    NOT_HELPED,
    OFF_TOPIC,
    SMALL_TALK,
    UNKNOWN,
    WHICH,
    WHICH_UPSET,
    other_language,
)
from models.relevance import Found, best_passage, coverage, is_commonplace, meaning, meaning_of, words_of

NEAREST_CHARS = (300, 90)
"""How much of an article that may not be meant is quoted, in full and in brief."""
CONVINCING = 0.25
"""The conviction from which a passage is given as the answer."""
WORTH_NAMING = 0.15
"""The conviction from which a passage is named as perhaps meant."""
LEAST_SHARE = 0.5
"""The share of a question's words that its passage has, where a message asks two things."""

_NAME = re.compile(
    r"\b(?:to|from|with|into|via|for|using|like|and|or|supports?|connect|link|sync) (?:the |an? )?([A-Z][A-Za-z0-9]+)\b"
)
_QUOTED = re.compile(r"[\"“«][^\"”»]{1,60}[\"”»]|(?<!\w)'[^']{1,60}'(?!\w)")
_RELATES = re.compile(
    r"\b(?:support|integrat\w*|connect\w*|export\w*|import\w*|sync\w*|migrat\w*|compatib\w*|work(?:s|ing)? with"
    r"|embed\w*|install\w*|(?:app|plug-?in|add-?(?:in|on)|extension) for|instead of|into|sends? to|use with)\b",
    re.IGNORECASE,
)
_STEP_NUMBER = re.compile(r"^\s{0,3}\d{1,2}[.)]\s+", re.MULTILINE)
_NAMES_A_PLACE = re.compile(
    r"\b(?:questions?|problems?|issues?|trouble|help) (?:\w+ ){0,2}(?:about|with|on|in|for)\b", re.IGNORECASE
)
_IS_WRONG = re.compile(
    r"\b(?:broken|broke|(?:is|are|goes|went|something|anything) (?:wrong|weird|strange|off)"
    r"|(?:do(?:es)?n['’]?t|do(?:es)? not|is(?:n['’]?t| not)|not|stopped) work(?:ing|s)?|fails?|failed"
    r"|problems?|issues?)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A call of one tool."""

    tool: str
    arguments: Mapping[str, Any]


def decide(seen: Seen) -> Decision:
    if accepts_a_person(seen):
        summary = "A person was offered, and the customer said yes."
        return Decision("escalate_to_human", {"reason_code": ReasonCode.CUSTOMER_REQUESTED.value, "summary": summary})
    if instructs_a_model(seen.text):
        rest = without_instructions(seen.text)
        if len(content_words(rest)) < 2 or not is_about_software(rest):
            return _say(seen, OFF_TOPIC, ReplyKind.OFF_TOPIC)
        seen = replace(seen, text=rest, wording=rest)
    remark = small_talk(seen.text) or (Remark.THANKS if is_gratitude(seen.text) else None)
    if remark is not None:
        return _say(seen, SMALL_TALK[remark], ReplyKind.SMALL_TALK)
    if not is_english(seen.text):
        return _say(seen, other_language(language_of(seen.text)), ReplyKind.CLARIFICATION)
    if is_off_topic(seen.text):
        return _say(seen, OFF_TOPIC, ReplyKind.OFF_TOPIC)
    if asks_about_the_ticket(seen):
        return _reply(_ticket_text(seen), ReplyKind.CONVERSATION)
    if says_that_it_did_not_help(seen):
        return _say(seen, NOT_HELPED, ReplyKind.CLARIFICATION)
    seen = replace(seen, wording=Spellings(words_of(seen.passages)).mend(seen.question))
    questions = _questions(seen)
    if not questions or (_says_too_little(seen) and not _leans_on_history(seen)):
        return _say(seen, WHICH_UPSET if seen.sentiment < UPSET else WHICH, ReplyKind.CLARIFICATION)
    if _insists_on_the_unknown(seen):
        return _hand_over_a_gap(seen)
    return _answer(seen, questions)


def _insists_on_the_unknown(seen: Seen) -> bool:
    """Whether what is named again, after we found nothing, is in none of the passages: a section near it says nothing
    of it."""
    named = meaning(" ".join(word for word in names_again(seen) if not is_vague(word)))
    return not named <= meaning_of(seen.passages)


def _answer(seen: Seen, questions: Sequence[str]) -> Decision:
    """Answer what the passages answer; search once more for what they do not."""
    chosen = [(question, _passage_for(seen, question, alone=len(questions) == 1)) for question in questions]
    asked = _asked(seen)
    if len(questions) == 1 and chosen[0][1] is None and asked is not None:
        chosen = [(asked, _passage_for(seen, asked, alone=True))]
    unanswered = [question for question, passage in chosen if passage is None]
    answered = [(question, passage) for question, passage in chosen if passage is not None]
    if not answered and _is_outburst(seen):
        return _say(seen, WHICH_UPSET, ReplyKind.CLARIFICATION)
    if unanswered and seen.may_search and not _unrelated(seen):
        return Decision("search_knowledge_base", {"query": _other_words(seen, unanswered[0])})
    if seen.may_search and any(_was_misread(seen, passage) for _, passage in answered):
        return Decision("search_knowledge_base", {"query": seen.question})
    if answered:
        return _reply(
            compose(answered, brief=seen.brief),
            ReplyKind.ANSWER,
            list(dict.fromkeys(passage.article for _, passage in answered)),
        )
    if _unrelated(seen):
        return _say(seen, OFF_TOPIC, ReplyKind.OFF_TOPIC)
    if seen.matched:
        return _point_to_nearest(seen)
    return _hand_over_a_gap(seen)


def _hand_over_a_gap(seen: Seen) -> Decision:
    summary = f"The knowledge base has no answer to: {' '.join(seen.text.split())[:400]}"
    return Decision("escalate_to_human", {"reason_code": ReasonCode.KNOWLEDGE_GAP.value, "summary": summary})


def _was_misread(seen: Seen, passage: Found) -> bool:
    """Whether a word that the search did not know, misspelled, is one that the article found does not have."""
    mended_words = set(words(seen.wording)) - set(words(seen.searches[0].query))
    return not mended_words <= words_of([other for other in seen.passages if other.article == passage.article])


def _point_to_nearest(seen: Seen) -> Decision:
    """Name the nearest article without claiming that it answers; asked about a second time, a person answers."""
    nearest = _nearest(seen)
    if nearest is None:
        return _say(seen, UNKNOWN, ReplyKind.CLARIFICATION)
    room = NEAREST_CHARS[1 if seen.brief else 0]
    text = _STEP_NUMBER.sub("", nearest.text)
    part = closest_sentences(seen.question, text, max_chars=room) or extract(
        seen.question, nearest, max_words=room // 6
    )
    said = NEAREST[1 if seen.brief else 0].format(title=nearest.title, extract=part)
    return _reply(said, ReplyKind.CLARIFICATION)


def _is_outburst(seen: Seen) -> bool:
    """Upset, asking for nothing, and naming nothing that the articles speak of."""
    return seen.sentiment < UPSET and not asks(seen.question) and _nearest(seen) is None


def _nearest(seen: Seen) -> Found | None:
    """The passage that may be meant, None when none is worth naming."""
    nearest = best_passage(seen.question, seen.passages)
    return nearest if nearest is not None and _conviction(seen, seen.question, nearest) >= WORTH_NAMING else None


def _passage_for(seen: Seen, question: str, *, alone: bool) -> Found | None:
    """The passage that answers a question, None when none does convincingly."""
    if not seen.matched:
        return None
    passage = best_passage(question, seen.passages, words_weight=0.15 if alone else 0.6)
    if passage is None or _relates_to_something_else(question, seen.passages):
        return None
    if not alone:  # the cosine is of both questions, so it says little of this one
        return passage if _share(seen, question, passage) >= LEAST_SHARE else None
    return passage if _conviction(seen, question, passage) >= CONVINCING else None


def _conviction(seen: Seen, question: str, passage: Found) -> float:
    """How far the cosine of a passage's article is above the one needed, plus half its share of the words."""
    similarity = max(other.similarity for other in seen.passages if other.article == passage.article)
    return similarity - seen.needed + _share(seen, question, passage) / 2


def _share(seen: Seen, question: str, passage: Found) -> float:
    """The share of what a question is about that a passage's article has."""
    specific = _specific(question, seen.passages)
    if not specific:
        return 0.5
    return max(coverage(specific, other) for other in seen.passages if other.article == passage.article)


def _relates_to_something_else(question: str, passages: Sequence[Found]) -> bool:
    """Whether the question is how two things go together, one of which no passage speaks of: another product, say.

    Names of people and boards stand in questions too, and say nothing of what the product can do.
    """
    if not _RELATES.search(question):
        return False
    said = words_of(passages)
    names = (match[1].lower() for match in _NAME.finditer(_QUOTED.sub(" ", question)))
    return any(name not in said and name.rstrip("s") not in said and name not in STOPWORDS for name in names)


def _specific(question: str, passages: Sequence[Found] = ()) -> set[str]:
    """What a question is about: its meaning without what every message to support says, and without mere feeling."""
    said = words_of(passages) if passages else set()
    matter = [word for word in content_words(question) if not is_vague(word)]
    return meaning(" ".join(word for word in matter if word in said or not is_feeling(word)))


def _questions(seen: Seen) -> list[str]:
    """What is asked, at most two things: the sentences that ask, or the whole when none stands alone."""
    text = seen.question
    asking = [part for part in sentences(text) if part.endswith("?") and len(_specific(part)) >= 2]
    if len(asking) >= 2 and not is_follow_up(seen.text):
        first, second = asking[0], asking[-1]
        if len(_specific(first) & _specific(second)) * 2 <= min(len(_specific(first)), len(_specific(second))):
            return [first, second]
    return [text] if words(text) else []


def _asked(seen: Seen) -> str | None:
    """The one sentence of several that asks, where it says enough to stand alone."""
    parts = sentences(seen.question)
    asking = [part for part in parts if part.endswith("?")]
    if len(parts) < 2 or len(asking) != 1 or len(_specific(asking[0])) < 2:
        return None
    return asking[0]


def _says_too_little(seen: Seen) -> bool:
    """Whether something is said to be wrong, or to be asked, without what; 'a problem with my board' is too little."""
    if is_vague(seen.text):
        return True
    about = _specific(seen.question)
    placed = bool(_NAMES_A_PLACE.search(seen.text)) or (len(about) <= 1 and bool(_IS_WRONG.search(seen.text)))
    return placed and is_commonplace(about) and not asks_how(seen.text)


def _leans_on_history(seen: Seen) -> bool:
    return bool(seen.searches) and "\n" in seen.searches[0].query and is_follow_up(seen.text)


def _other_words(seen: Seen, question: str) -> str:
    """The same question by its content words alone."""
    key = list(dict.fromkeys(word for word in content_words(question) if not is_vague(word)))[:12]
    reworded = " ".join(key)
    if not reworded or reworded.casefold() == question.casefold().strip(" ?.!"):
        return f"how to {reworded or question} in {seen.product}".strip()
    return reworded


def _unrelated(seen: Seen) -> bool:
    """Nothing in the knowledge base is near, and nothing sounds like a product's question or goes on with one."""
    goes_on = was_asked_back(seen) or corrects_us(seen)
    return not seen.matched and not is_about_software(seen.text) and not goes_on


def _ticket_text(seen: Seen) -> str:
    ticket, status = seen.ticket.get("ticket_id", ""), str(seen.ticket.get("status", "")).replace("_", " ")
    return f"Your ticket is {ticket}, and its status is “{status}”."


def _say(seen: Seen, texts: tuple[str, str], kind: ReplyKind) -> Decision:
    return _reply(texts[1 if seen.brief else 0].format(product=seen.product or "our product"), kind)


def _reply(text: str, kind: ReplyKind, articles: Sequence[str] = ()) -> Decision:
    return Decision("send_response", {"message": text, "kind": kind.value, "articles": list(articles)})
