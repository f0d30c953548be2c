"""How an answer is put together of the passages that give it, at the length that the channel wants."""

from __future__ import annotations

from collections.abc import Sequence

from models.extraction import closest_sentences, extract, heading_needed
from models.relevance import STEP, Found

ANSWER_WORDS = 170
PART_WORDS = 100
BRIEF_CHARS = 260


def compose(answered: Sequence[tuple[str, Found]], *, brief: bool) -> str:
    """The text of an answer from questions with their passages, as Markdown.

    One part for each passage, in the order of the questions; two parts at most.
    """
    by_passage: dict[Found, str] = {}
    for question, passage in answered:
        by_passage[passage] = f"{by_passage.get(passage, '')} {question}".strip()
    parts = list(by_passage.items())[:2]
    if brief:
        room = BRIEF_CHARS // len(parts)
        return "\n".join(_brief(question, passage, room) for passage, question in parts)
    if len(parts) == 1:
        (passage, question), *_ = parts
        text = extract(question, passage, max_words=ANSWER_WORDS)
        heading = heading_needed(text, passage)
        return f"## {heading}\n\n{text}" if heading else text
    return "\n\n".join(
        f"**{passage.title}**\n\n{extract(question, passage, max_words=PART_WORDS)}" for passage, question in parts
    )


def _brief(question: str, passage: Found, room: int) -> str:
    """What fits of the answer, under the passage's heading where it needs one."""
    text = _brief_extract(question, passage, room)
    heading = heading_needed(text, passage)
    if not heading:
        return text
    text = _brief_extract(question, passage, room - len(heading) - 2)
    separator = "\n" if STEP.match(text) else " "
    return f"{heading}:{separator}{text}"


def _brief_extract(question: str, passage: Found, room: int) -> str:
    """Steps as steps when they fit, else the closest sentences."""
    whole = extract(question, passage, max_words=room // 5)
    if len(whole) <= room:
        return whole
    steps = [line.strip() for line in whole.splitlines() if STEP.match(line)]
    if len(steps) > 1:
        return "\n".join(steps)
    return closest_sentences(question, whole, max_chars=room) or whole
