"""Extractive answers: which sentences or steps of a passage to give.

Nothing is written here that no article says; what is chosen is whole sentences and whole lists of steps.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.text.words import sentences, stems
from models.relevance import INFORMS, STEP, Found, is_how_to, meaning

_BULLET = re.compile(r"^\s*[-*+•]\s+\S")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+\S|^\s*\*\*[^*]+\*\*:?\s*$")
_TABLE = re.compile(r"^\s*\|")
_LEANS = re.compile(r"then\b|\W{0,3}(?:\w+[^\w.:;,]+){0,4}?(?:it|its|they|them|their|same place)\b", re.IGNORECASE)
"""How a text begins that cannot be understood without the heading that it stands under."""
_FENCE = re.compile(r"^\s*(?:`{3,}|~{3,})")


class BlockKind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    STEPS = "steps"
    BULLETS = "bullets"
    TABLE = "table"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    kind: BlockKind
    text: str

    @property
    def size_words(self) -> int:
        return len(self.text.split())


def blocks_of(markdown: str) -> list[Block]:
    """Paragraphs, lists and so on, in order. A list's items and their continuation lines are one block."""
    blocks: list[Block] = []
    lines: list[str] = []
    kind: BlockKind | None = None
    fenced = False

    def close() -> None:
        nonlocal kind
        if kind is not None and "\n".join(lines).strip():
            blocks.append(Block(kind, "\n".join(lines).strip("\n")))
        lines.clear()
        kind = None

    for line in markdown.splitlines():
        if _FENCE.match(line):
            if not fenced:
                close()
                kind = BlockKind.CODE
            fenced = not fenced
            if not fenced:
                close()
            continue
        if fenced:
            lines.append(line)
            continue
        found = _kind(line)
        if not line.strip():
            if kind not in (BlockKind.STEPS, BlockKind.BULLETS):
                close()
            continue
        indented = line.startswith(("  ", "\t"))
        if kind in (BlockKind.STEPS, BlockKind.BULLETS) and (found is kind or indented):
            lines.append(line)
            continue
        if found is not kind or kind is BlockKind.HEADING:
            close()
        kind = found
        lines.append(line)
    close()
    return _joined_steps(blocks)


def _kind(line: str) -> BlockKind:
    if _HEADING.match(line):
        return BlockKind.HEADING
    if STEP.match(line):
        return BlockKind.STEPS
    if _BULLET.match(line):
        return BlockKind.BULLETS
    if _TABLE.match(line):
        return BlockKind.TABLE
    return BlockKind.PARAGRAPH


def _joined_steps(blocks: list[Block]) -> list[Block]:
    """A list that a note or picture interrupts goes on with the next number: it stays one list."""
    joined: list[Block] = []
    for block in blocks:
        previous = joined[-1] if joined else None
        if (
            previous is not None
            and previous.kind is block.kind is BlockKind.STEPS
            and _first_number(block.text) == _last_number(previous.text) + 1
        ):
            joined[-1] = Block(BlockKind.STEPS, f"{previous.text}\n{block.text}")
        else:
            joined.append(block)
    return joined


def _first_number(text: str) -> int:
    match = STEP.match(text)
    return int(match[1]) if match else 0


def _last_number(text: str) -> int:
    numbers = [int(match[1]) for line in text.splitlines() if (match := STEP.match(line))]
    return numbers[-1] if numbers else 0


def extract(question: str, passage: Found, *, max_words: int) -> str:
    """The part of a passage that answers, as Markdown, whole blocks in their order.

    A how-to gets its steps with the sentence that leads to them; anything else the sentences closest to it.
    A passage that fits is given whole: its author meant it to be read so.
    """
    blocks = [block for block in blocks_of(passage.text) if not _repeats_heading(block, passage)]
    if not blocks:
        return ""
    if sum(block.size_words for block in blocks) <= max_words:
        return "\n\n".join(
            block.text for block in blocks if block.kind is not BlockKind.HEADING or block is not blocks[-1]
        )
    wanted = meaning(question)
    scores = [_block_score(wanted, blocks, index, how_to=is_how_to(question)) for index in range(len(blocks))]
    headed = len(wanted & meaning(passage.section.rpartition(" > ")[2])) / max(len(wanted), 1)
    for index, block in enumerate(blocks):
        if block.kind is BlockKind.STEPS:  # they do what their section's heading says
            scores[index] += headed
    best = max(range(len(blocks)), key=lambda index: (scores[index], -index))
    chosen = _around(blocks, best)
    room = max_words - sum(blocks[index].size_words for index in chosen)
    for index in sorted(range(len(blocks)), key=lambda index: (-scores[index], index)):
        more = [extra for extra in _around(blocks, index) if extra not in chosen]
        cost = sum(blocks[extra].size_words for extra in more)
        if scores[index] > 0.25 and 0 < cost <= room:
            chosen = sorted({*chosen, *more})
            room -= cost
    if room >= 0:
        return "\n\n".join(blocks[index].text for index in sorted(chosen))
    return _within(question, blocks, sorted(chosen), best, max_words)


def heading_needed(text: str, passage: Found) -> str:
    """The heading of a passage where a text taken from it is hard to understand without, else empty.

    "It belongs to another account" says nothing without "The address is already in use", nor does a bare list of
    features without the plan's name.
    """
    _, nested, heading = passage.section.rpartition(" > ")
    if not nested or heading.casefold() in text.casefold():
        return ""
    answers = bool(INFORMS.match(heading)) or (len(heading.split()) == 1 and not _BULLET.match(text))
    return heading if answers or _LEANS.match(text.replace("*", "")) else ""


def closest_sentences(question: str, text: str, *, max_chars: int) -> str:
    """The sentences that speak most of the question, as many as fit, in their order."""
    wanted = meaning(question)
    parts = [part for part in sentences(text) if not _HEADING.match(part)]
    ranked = sorted(range(len(parts)), key=lambda index: (-_sentence_score(wanted, parts[index]), index))
    chosen: list[int] = []
    for index in ranked:
        if sum(len(parts[other]) + 1 for other in chosen) + len(parts[index]) > max_chars:
            continue
        if chosen and _sentence_score(wanted, parts[index]) == 0:
            break
        chosen.append(index)
    return " ".join(parts[index] for index in sorted(chosen))


def _block_score(wanted: set[str], blocks: Sequence[Block], index: int, *, how_to: bool) -> float:
    """Shared meaning of the block and of what introduces it; steps count more where steps were asked for."""
    block = blocks[index]
    if block.kind is BlockKind.HEADING:
        return 0.0
    before = " ".join(blocks[lead].text for lead in _lead(blocks, index))
    own = len(wanted & meaning(block.text)) / max(len(wanted), 1)
    lead = len(wanted & meaning(before)) / max(len(wanted), 1)
    return own + 0.6 * lead + (0.4 if how_to and block.kind is BlockKind.STEPS else 0.0)


def _lead(blocks: Sequence[Block], index: int) -> list[int]:
    """The blocks that introduce a block: the line ending in a colon or the paragraph before a list, its heading."""
    lead: list[int] = []
    position = index - 1
    in_list = blocks[index].kind is not BlockKind.PARAGRAPH
    if (
        position >= 0
        and blocks[position].kind is BlockKind.PARAGRAPH
        and (in_list or blocks[position].text.rstrip().endswith(":"))
    ):
        lead.insert(0, position)
        position -= 1
    if position >= 0 and blocks[position].kind is BlockKind.HEADING:
        lead.insert(0, position)
    return lead


def _around(blocks: Sequence[Block], index: int) -> list[int]:
    """A block with what introduces it, and with the list that it introduces."""
    chosen = [*_lead(blocks, index), index]
    following = index + 1
    if blocks[index].text.rstrip().endswith(":") and following < len(blocks):
        chosen.append(following)
    return chosen


def _within(question: str, blocks: Sequence[Block], chosen: list[int], best: int, max_words: int) -> str:
    """When even the best block is too long: all of its first steps that fit, or its closest sentences."""
    block = blocks[best]
    if block.kind in (BlockKind.STEPS, BlockKind.BULLETS, BlockKind.TABLE):
        kept: list[str] = []
        for line in block.text.splitlines():
            if sum(len(part.split()) for part in [*kept, line]) > max_words:
                break
            kept.append(line)
        return "\n".join(kept)
    return closest_sentences(question, block.text, max_chars=max_words * 6)


def _sentence_score(wanted: set[str], sentence: str) -> float:
    own = meaning(sentence)
    return len(wanted & own) / (len(wanted) or 1) + 0.1 * len(wanted & own) / (len(own) or 1)


def _repeats_heading(block: Block, passage: Found) -> bool:
    """A chunk may begin with its own heading, which the reply does not need."""
    if block.kind is not BlockKind.HEADING:
        return False
    words = stems(block.text)
    return words <= stems(f"{passage.title} {passage.section}")
