"""What the offline model decides, by rules that a support lead would give a new colleague.

Small talk and what is not about the product get a short reply. A question gets the part of an article that answers
it. When nothing answers, it searches once more in other words, and then says plainly that it does not know, by
handing over. What says too little to search for gets a question back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.query import is_follow_up
from agent.records import ReasonCode
from agent.smalltalk import Remark, is_about_software, is_off_topic, is_vague, small_talk
from agent.state import ReplyKind
from agent.words import STOPWORDS, content_words, sentences, words
from models.extraction import closest_sentences, extract
from models.offline_input import Seen
from models.relevance import Found, best_passage, coverage, meaning

ANSWER_WORDS = 170
PART_WORDS = 100
BRIEF_CHARS = 260
CONVINCING = 0.15
"""How far a passage's cosine must be above the one needed, plus half the share of the question's words it has."""
LEAST_SHARE = 0.5
"""The share of a question's words that its passage has, where a message asks two things."""
UNRELATED = 0.1
"""How far below the cosine needed the nearest passage of what is not about the product lies, at least."""

_NAME = re.compile(r"(?<=[a-z,;:] )([A-Z][A-Za-z0-9]+)\b")
_TICKET = re.compile(
    r"\b(?:status|progress|update|news|number|id|reference)\b.{0,30}\b(?:ticket|request|case|enquiry|inquiry)\b"
    r"|\b(?:ticket|request|case)(?:'s)? (?:status|number|id|reference)\b",
    re.IGNORECASE,
)
_DID_NOT_HELP = re.compile(
    r"\b(?:did(?:n't| not)|does(?:n't| not)|do(?:n't| not)|is(?:n't| not)|still not|not) (?:work(?:ing|ed)?"
    r"|help(?:ed|ing|ful)?|solve[d]?|fix(?:ed)?)\b"
    r"|\b(?:still|again) (?:the same|broken|failing|stuck|not|can(?:'|no)t)\b|\bsame (?:problem|issue|error)\b"
    r"|\balready (?:tried|did|done)\b",
    re.IGNORECASE,
)
_SMALL_TALK: Mapping[Remark, tuple[str, str]] = {
    Remark.GREETING: (
        "What can I help you with in {product}?",
        "What can I help you with in {product}?",
    ),
    Remark.THANKS: ("You are welcome. I am glad that I could help.", "You're welcome, glad I could help!"),
    Remark.GOODBYE: (
        "Thank you for getting in touch. Have a good day.",
        "Thanks for getting in touch, have a good one!",
    ),
    Remark.ACKNOWLEDGED: (
        "Thank you for letting me know. If anything else comes up, simply write back.",
        "Great! Just write back if anything else comes up.",
    ),
    Remark.SOLVED: (
        "I am glad that it works now. If anything else comes up, simply write back.",
        "Glad it works now! Just write back if anything else comes up.",
    ),
    Remark.IDENTITY: (
        "I am the automatic assistant of {product} support: I answer questions from our help articles, "
        "and where I cannot help, a person takes over. What can I help you with?",
        "I'm {product}'s automatic assistant: I answer from our help articles, and a person takes over where I "
        "can't. What do you need?",
    ),
}
_OFF_TOPIC = (
    "I can only help with questions about {product}, so I cannot help with this one. If there is something "
    "about {product} that you would like to know, please tell me.",
    "Sorry, I can only help with {product}. Is there something about {product} you'd like to know?",
)
_WHICH = (
    "I would like to help. Could you tell me a little more: what are you trying to do in {product}, what do you see "
    "instead, and on which device or browser?",
    "Happy to help! What are you trying to do in {product}, and what happens instead?",
)
_NOT_HELPED = (
    "I am sorry that this has not solved it. Could you tell me which step you got to, and what you see on the "
    "screen at that point, an error message for example?",
    "Sorry that didn't do it! Which step did you get to, and what do you see there?",
)


@dataclass(frozen=True, slots=True)
class Decision:
    """A call of one tool."""

    tool: str
    arguments: Mapping[str, Any]


def decide(seen: Seen) -> Decision:
    remark = small_talk(seen.text)
    if remark is not None:
        return _say(seen, _SMALL_TALK[remark], ReplyKind.SMALL_TALK)
    if is_off_topic(seen.text):
        return _say(seen, _OFF_TOPIC, ReplyKind.OFF_TOPIC)
    if _TICKET.search(seen.text) and seen.ticket and not _asks_how(seen.text):
        return _reply(_ticket_text(seen), ReplyKind.CONVERSATION)
    if _DID_NOT_HELP.search(seen.text) and _was_answered(seen) and len(content_words(seen.text)) <= 8:
        return _say(seen, _NOT_HELPED, ReplyKind.CLARIFICATION)
    questions = _questions(seen)
    if not questions or (is_vague(seen.text) and not _leans_on_history(seen)):
        return _say(seen, _WHICH, ReplyKind.CLARIFICATION)
    return _answer(seen, questions)


def _answer(seen: Seen, questions: Sequence[str]) -> Decision:
    """Answer what the passages answer; search once more for what they do not."""
    chosen = [(question, _passage_for(seen, question, alone=len(questions) == 1)) for question in questions]
    unanswered = [question for question, passage in chosen if passage is None]
    if unanswered and seen.may_search and not _unrelated(seen):
        return Decision("search_knowledge_base", {"query": _other_words(seen, unanswered[0])})
    answered = [(question, passage) for question, passage in chosen if passage is not None]
    if not answered:
        if _unrelated(seen):
            return _say(seen, _OFF_TOPIC, ReplyKind.OFF_TOPIC)
        summary = f"The knowledge base has no answer to: {' '.join(seen.text.split())[:400]}"
        return Decision("escalate_to_human", {"reason_code": ReasonCode.KNOWLEDGE_GAP.value, "summary": summary})
    return _reply(_compose(seen, answered), ReplyKind.ANSWER, list(dict.fromkeys(p.article for _, p in answered)))


def _compose(seen: Seen, answered: Sequence[tuple[str, Found]]) -> str:
    """One part for each passage, in the order of the questions; two parts at most."""
    by_passage: dict[Found, str] = {}
    for question, passage in answered:
        by_passage[passage] = f"{by_passage.get(passage, '')} {question}".strip()
    parts = list(by_passage.items())[:2]
    if seen.brief:
        room = BRIEF_CHARS // len(parts)
        return "\n".join(_brief(question, passage, room) for passage, question in parts)
    if len(parts) == 1:
        return extract(parts[0][1], parts[0][0], max_words=ANSWER_WORDS)
    return "\n\n".join(
        f"**{passage.title}**\n\n{extract(question, passage, max_words=PART_WORDS)}" for passage, question in parts
    )


def _brief(question: str, passage: Found, room: int) -> str:
    """Steps as steps when they fit, else the closest sentences."""
    whole = extract(question, passage, max_words=room // 5)
    if len(whole) <= room:
        return whole
    steps = [line.strip() for line in whole.splitlines() if re.match(r"\s*\d{1,2}[.)]\s", line)]
    if len(steps) > 1:
        return "\n".join(steps)
    return closest_sentences(question, whole, max_chars=room) or whole


def _passage_for(seen: Seen, question: str, *, alone: bool) -> Found | None:
    """The passage that answers a question, None when none does convincingly."""
    if not seen.matched:
        return None
    full = _with_history(seen, question) if alone else question
    passage = best_passage(full, seen.passages, words_weight=0.15 if alone else 0.6)
    if passage is None or _names_something_else(question, seen.passages):
        return None
    specific = _specific(full)
    of_article = [other for other in seen.passages if other.article == passage.article]
    share = max(coverage(specific, other) for other in of_article) if specific else 0.5
    similarity = max(other.similarity for other in of_article)
    if not alone:  # the cosine is of both questions, so it says little of this one
        return passage if share >= LEAST_SHARE else None
    if similarity < seen.needed:
        return None
    return passage if similarity - seen.needed + share / 2 >= CONVINCING else None


def _names_something_else(question: str, passages: Sequence[Found]) -> bool:
    """Whether the question names a thing, a product perhaps, that no passage speaks of."""
    said = {word for passage in passages for word in words(f"{passage.title} {passage.section} {passage.text}")}
    names = [match[1].lower() for match in _NAME.finditer(question)]
    return any(name not in said and name.rstrip("s") not in said and name not in STOPWORDS for name in names)


def _specific(question: str) -> set[str]:
    """What a question is about: its meaning without what every message to support says."""
    return meaning(" ".join(word for word in content_words(question) if not is_vague(word)))


def _questions(seen: Seen) -> list[str]:
    """What is asked, at most two things: the sentences that ask, or the whole when none stands alone."""
    text = " ".join(seen.text.split()) if len(seen.text) < 400 else seen.text
    asking = [part for part in sentences(text) if part.endswith("?") and len(_specific(part)) >= 2]
    if len(asking) >= 2:
        first, second = asking[0], asking[-1]
        if len(_specific(first) & _specific(second)) * 2 <= min(len(_specific(first)), len(_specific(second))):
            return [first, second]
    return [seen.text] if words(text) else []


def _with_history(seen: Seen, question: str) -> str:
    """A terse follow-up means the earlier question too; the first search was made of both."""
    if is_follow_up(question) and seen.searches:
        return seen.searches[0].query
    return question


def _leans_on_history(seen: Seen) -> bool:
    return bool(seen.searches) and "\n" in seen.searches[0].query and is_follow_up(seen.text)


def _other_words(seen: Seen, question: str) -> str:
    """The same question by its content words alone, with the articles' word for the customer's."""
    full = _with_history(seen, question)
    key = list(dict.fromkeys(word for word in content_words(full) if not is_vague(word)))[:12]
    reworded = " ".join(key)
    if not reworded or reworded.casefold() == full.casefold().strip(" ?.!"):
        return f"how to {reworded or full} in {seen.product}".strip()
    return reworded


def _unrelated(seen: Seen) -> bool:
    """Nothing in the knowledge base is anywhere near, and nothing sounds like a product's question."""
    return seen.best_similarity < seen.needed - UNRELATED and not is_about_software(seen.text)


def _was_answered(seen: Seen) -> bool:
    return any(m.get("author") == "fte" and m.get("this_conversation") for m in seen.history)


def _asks_how(text: str) -> bool:
    return bool(re.search(r"\bhow (?:do|can|to)\b", text, re.IGNORECASE))


def _ticket_text(seen: Seen) -> str:
    ticket, status = seen.ticket.get("ticket_id", ""), str(seen.ticket.get("status", "")).replace("_", " ")
    return f"Your ticket is {ticket}, and its status is “{status}”."


def _say(seen: Seen, texts: tuple[str, str], kind: ReplyKind) -> Decision:
    return _reply(texts[1 if seen.brief else 0].format(product=seen.product or "our product"), kind)


def _reply(text: str, kind: ReplyKind, articles: Sequence[str] = ()) -> Decision:
    return Decision("send_response", {"message": text, "kind": kind.value, "articles": list(articles)})
