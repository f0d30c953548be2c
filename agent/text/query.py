"""What of a conversation is searched for, and what of a long text is embedded.

The rule for a text over the limit: sentences that ask something come first, then the others, the newest of
each first, as long as the whole fits; what was chosen keeps its order. A single sentence that is too long alone
gives its last words. Patterns of the policy always see the whole text, so only the vector works on a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.records import Author, StoredMessage
from agent.text.smalltalk import is_vague, small_talk
from agent.text.words import content_words, sentences, words

TokenCounter = Callable[[str], int]

QUERY_TOKENS = 128
_FOLLOW_UP_START = re.compile(
    r"^(and|also|but|then|so|or|plus|what about|how about|what if|same|instead|ok(ay)?,? (and|but|so|what|how))\b",
    re.IGNORECASE,
)
_REFERENCE = re.compile(
    r"\b(it|that|this|they|them|their|those|these|there|he|she|him|his|her|one|ones|same|instead|either)\b",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"^\W{0,10}(?:(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day))\b[^,.!?\n]{0,30}[,.!]\s{0,10}"
    r"|(?:hi|hello|hey)\s{1,10})+",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"(?:^|(?<=[.!?…\n]))\s{0,10}(?:(?:many )?thanks(?: a lot| a bunch| in advance| so much)?|cheers"
    r"|thank you(?: in advance| so much| very much)?|(?:(?:kind|best|warm) )?(?:regards|wishes)|best|all the best"
    r"|sincerely|yours(?: sincerely| truly)?)\b[\s,.!]{0,10}(?:[\w.-]{1,30}(?: [\w.-]{1,30}){0,2})?\W{0,10}$",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?|^\W*(how|what|where|when|why|which|who|can|could|is|are|do|does|did|will|would|should|may|please|i need|"
    r"i want|i can(no|')t|i'm trying|help)\b",
    re.IGNORECASE,
)
_STORY_SENTENCES = 4
"""From so many on, what is told around a question drowns it in one vector."""
_QUESTION_WORDS = 3
"""Content words with which a question stands alone."""


@dataclass(frozen=True, slots=True)
class ConversationQuery:
    """`newest` is the customer's newest words (the policy's row); `search` is what the search looks for.

    They differ where there is talk around the matter, and for a terse follow-up, whose search joins the earlier
    question. Both fit the token limit.
    """

    newest: str
    search: str
    leans: bool = False
    """Whether `search` is the earlier question and the follow-up that leans on it."""


def conversation_query(
    burst: Sequence[StoredMessage], history: Sequence[StoredMessage], count_tokens: TokenCounter
) -> ConversationQuery:
    newest_text = "\n".join(message.body for message in burst)
    newest = fit_tokens(newest_text, count_tokens)
    earlier = earlier_question(newest_text, burst[0], history)
    if earlier is None:
        return ConversationQuery(newest, matter(newest))
    room = QUERY_TOKENS - min(count_tokens(newest), QUERY_TOKENS // 2)
    joined = f"{fit_tokens(earlier, count_tokens, room - 2)}\n{newest}"
    return ConversationQuery(newest, fit_tokens(joined, count_tokens), leans=True)


def earlier_question(text: str, first: StoredMessage, history: Sequence[StoredMessage]) -> str | None:
    """The customer's earlier question that a terse follow-up leans on, None for a text that stands alone.

    A chain of follow-ups leads back to the question that began it: at most three messages are joined.
    """
    if not is_follow_up(text):
        return None
    parts: list[str] = []
    for message in reversed(history):
        if message.author is not Author.CUSTOMER or message.conversation_id != first.conversation_id:
            continue
        if not content_words(message.body):
            continue
        parts.insert(0, message.body)
        if len(parts) == 3 or not is_follow_up(message.body):
            break
    return "\n".join(parts) if parts else None


def matter(text: str) -> str:
    """What a message is about: itself without greeting, thanks, signature and what says nothing.

    Of a long story the one question in it, where that stands alone. The whole when nothing else is left.
    """
    spoken = without_manners(text)
    parts = sentences(spoken)
    kept = [part for part in parts if small_talk(part) is None and ("?" in part or not is_vague(part))]
    if not kept:
        return text
    if (question := _question_of_a_story(kept)) is not None:
        return question
    return " ".join(kept) if len(kept) < len(parts) else spoken


def _question_of_a_story(parts: Sequence[str]) -> str | None:
    """The only question of a text of several sentences, None where it leans on them or does not say enough."""
    asked = [part for part in parts if part.endswith("?")]
    if len(parts) < _STORY_SENTENCES or len(asked) != 1 or _REFERENCE.search(asked[0]):
        return None
    told = [word for word in content_words(asked[0]) if not is_vague(word)]
    return asked[0] if len(told) >= _QUESTION_WORDS else None


def without_manners(text: str) -> str:
    """A text without its greeting and its signature."""
    return _SIGNED.sub("", _GREETING.sub("", text.strip())).strip()


def asks(text: str) -> bool:
    """Whether some sentence asks for something."""
    return any(_ASKS.search(part) for part in sentences(text))


def is_follow_up(text: str) -> bool:
    """Whether a text is too terse to be understood without what was said before."""
    stripped = text.strip()
    content = content_words(stripped)
    if len(content) > 6:
        return False
    if _FOLLOW_UP_START.match(stripped):
        return len(content) <= 3
    if len(content) <= 1:
        return True
    return bool(_REFERENCE.search(stripped)) and len(content) <= 3 and len(words(stripped)) <= 12


def fit_tokens(text: str, count_tokens: TokenCounter, limit: int = QUERY_TOKENS) -> str:
    """The text itself when it fits, else the part of it that the rule of this module chooses."""
    if len(text) <= limit or count_tokens(text) <= limit:  # a token has at least one character
        return text
    parts = [_last_words(part, count_tokens, limit) for part in sentences(text)[-200:]]
    asks = [bool(_ASKS.search(part)) for part in parts]
    newest_first = sorted(range(len(parts)), key=lambda index: (not asks[index], -index))
    chosen: list[int] = []
    room = limit
    for index in newest_first:
        cost = count_tokens(parts[index]) + 1
        if cost <= room:
            chosen.append(index)
            room -= cost
        if room < 8:
            break
    return "\n".join(parts[index] for index in sorted(chosen)) or _last_words(text, count_tokens, limit)


def _last_words(text: str, count_tokens: TokenCounter, limit: int) -> str:
    """The longest tail of whole words within the limit; of one endless word, its last characters."""
    budget = limit - 1
    if len(text) <= budget or count_tokens(text) <= budget:
        return text
    pieces = text[-limit * 40 :].split()[-limit:] or [text[-limit:]]
    low, high = 0, len(pieces) - 1
    while low < high:
        middle = (low + high) // 2
        if count_tokens(" ".join(pieces[middle:])) <= budget:
            high = middle
        else:
            low = middle + 1
    tail = " ".join(pieces[low:])
    while tail and count_tokens(tail) > budget:
        tail = tail[len(tail) // 4 + 1 :]
    return tail
