"""Customers' messages of a stated length in tokens of the embedding model, its two special tokens included."""

from __future__ import annotations

import random
from collections.abc import Callable

TokenCounter = Callable[[str], int]

# Each has its answer in the shipped knowledge base, and none is a reason to ask a person.
QUESTIONS = (
    "How do I invite a colleague to my workspace?",
    "How can I create a new project board?",
    "How do I assign a task to a teammate?",
    "How do I reset my password?",
    "How do I set a due date on a task?",
    "Where can I change my notification settings?",
    "How do I export my tasks to a CSV file?",
    "How do I connect TaskFlow to Slack?",
    "How can I set up two-factor authentication?",
    "How do I create a recurring task?",
)
# Words of one token each, in sentences, so that any number of them fills a message exactly.
_FILLER_TEXT = (
    "we work in one team and share one board for the week . i looked in the menu on the left and on the help page "
    "but did not find the right place yet . we are new here and want to learn how this works before the next "
    "meeting . please tell me the steps one by one so that i can show them to the others . it would be good to "
    "know if there is more than one way to do this . thank you and have a nice day ."
)
_FILLER = tuple(_FILLER_TEXT.split())


def message_of(tokens: int, count_tokens: TokenCounter, random_source: random.Random) -> str:
    """A question with as many further words as make `tokens` tokens. Raises ValueError when none is short enough."""
    question = random_source.choice([text for text in QUESTIONS if count_tokens(text) <= tokens] or [""])
    if not question:
        raise ValueError(f"no question has {tokens} tokens or fewer")
    start = random_source.randrange(len(_FILLER))
    missing = tokens - count_tokens(question)
    words = [_FILLER[(start + number) % len(_FILLER)] for number in range(missing)]
    text = " ".join([question, *words])
    assert count_tokens(text) == tokens, f"a filler word is not one token in {text!r}"
    return text


def messages_of(tokens: int, count: int, count_tokens: TokenCounter, seed: int) -> list[str]:
    random_source = random.Random(seed)
    return [message_of(tokens, count_tokens, random_source) for _ in range(count)]
