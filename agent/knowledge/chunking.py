"""Articles to chunks: one per section, split where it is over the embedding model's token limit.

Sections are not merged, however short: measured, that found fewer right articles than the heading path alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt

from agent.knowledge.markup import heading_text
from agent.records import Article, Chunk

CountTokens = Callable[[str], int]

VERSION = 1
"""Raised whenever the same article would make other chunks, so that a sync makes them anew."""
# The heading path may take this share of the limit; a longer one loses its middle, then its end.
_PATH_SHARE = 0.25
# Models count a very long word as one unknown token, so that a limit in tokens alone would not bound a chunk.
_WORD = re.compile(r"\s*\S{1,100}")
_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_SENTENCE = re.compile(r".+?[.!?;:](?=\s)|.+\Z", re.DOTALL)
_SEPARATOR = " > "
_MARKDOWN = MarkdownIt("commonmark").enable("table").disable("code")


def embedding_text(heading_path: str, body: str) -> str:
    """What of a chunk is embedded; it is this that `max_tokens` bounds."""
    return f"{heading_path}\n{body}"


def chunk_article(article: Article, count_tokens: CountTokens, max_tokens: int) -> list[Chunk]:
    """The article's chunks in order; at least one, each under the limit, nothing lost.

    `count_tokens` counts special tokens too, and of two texts joined it says no more than of both apart.
    Raises ValueError for a limit that leaves no room for text.
    """
    special = count_tokens("")

    def count_plain(text: str) -> int:
        return count_tokens(text) - special

    chunks: list[Chunk] = []
    for section in _sections(article.body, article.title):
        names = (article.title, *section.path)
        heading_path = _fit_path(names, count_tokens, int(max_tokens * _PATH_SHARE))
        # What a path has no room for is said in the text.
        cut = heading_path != _SEPARATOR.join(names)
        blocks = [_SEPARATOR.join(section.path), *section.blocks] if cut else section.blocks
        room = max_tokens - count_tokens(embedding_text(heading_path, ""))
        if room < 8:
            raise ValueError(f"a limit of {max_tokens} tokens leaves no room for text")
        chunks += [
            Chunk(position, heading_path, body)
            for position, body in enumerate(_pack(blocks, count_plain, room), len(chunks))
        ]
    return chunks


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading, as its path below the title, and the blocks between it and the next heading."""

    path: tuple[str, ...]
    blocks: list[str]


def _sections(body: str, title: str) -> list[_Section]:
    """The sections that have text. A heading with nothing below it, not even a deeper one, is its own text."""
    sections = [_Section((), [])]
    levels: list[int] = []
    for level, text in _blocks(body):
        if not level:
            sections[-1].blocks.append(text)
            continue
        heading = heading_text(text)
        if not heading:
            continue
        if level == 1 and heading.casefold() == title.casefold():
            heading = ""
        kept = sum(1 for outer in levels if outer < level)
        path = tuple(name for name in (*sections[-1].path[:kept], heading) if name)
        levels = [outer for outer in levels if outer < level] + ([level] if heading else [])
        sections.append(_Section(path, []))
    for section, following in zip(sections, [*sections[1:], _Section((), [])], strict=True):
        if section.path and not section.blocks and following.path[: len(section.path)] != section.path:
            section.blocks.append(section.path[-1])
    return [section for section in sections if section.blocks] or [_Section((), [title])]


def _blocks(body: str) -> Iterator[tuple[int, str]]:
    """Top-level blocks in order as (heading level or 0, text). What the parser swallows is a block too."""
    lines = body.split("\n")
    end = 0
    tokens = _MARKDOWN.parse(body)
    for index, token in enumerate(tokens):
        if token.level or token.map is None:
            continue
        start, stop = max(token.map[0], end), token.map[1]
        yield from ((0, line) for line in lines[end:start] if line.strip())
        end = stop
        if token.type == "heading_open":
            yield int(token.tag[1:]), tokens[index + 1].content
        elif block := "\n".join(lines[start:stop]).strip("\n"):
            yield 0, block
    yield from ((0, line) for line in lines[end:] if line.strip())


def _fit_path(names: tuple[str, ...], count_tokens: CountTokens, budget: int) -> str:
    """'Title > Section > Part' in at most `budget` tokens."""
    for kept in (names, (names[0], names[-1]) if len(names) > 1 else names):
        text = _SEPARATOR.join(kept)
        if count_tokens(text) <= budget:
            return text
    words = [match[0] for match in _WORD.finditer(text)]
    while words and count_tokens("".join(words)) > budget:
        words = words[: len(words) * 3 // 4]
    return "".join(words)


def _pack(blocks: Sequence[str], count_tokens: CountTokens, room: int) -> Iterator[str]:
    """The blocks in few texts of at most `room` tokens; here `count_tokens` leaves special tokens out."""
    text, size = "", 0
    for block in blocks:
        separator = "\n\n"
        for piece in _pieces(block, count_tokens, room):
            cost = count_tokens(separator + piece)
            if size + cost > room and text.strip():
                yield text.rstrip()
                text, size = "", 0
            text = text.rstrip("\n" if separator else "") + separator + piece if text else piece.lstrip("\n")
            size += cost
            separator = ""
    if text.strip():
        yield text.rstrip()


def _pieces(text: str, count_tokens: CountTokens, room: int, splitters: int = 0) -> Iterator[str]:
    """Parts that make up the text, each of at most `room` tokens: lines, else sentences, else words."""
    if splitters == len(_SPLITTERS) or (count_tokens(text) <= room and len(text) <= room * 100):
        yield text
        return
    for match in _SPLITTERS[splitters].finditer(text):
        yield from _pieces(match[0], count_tokens, room, splitters + 1)


_SPLITTERS = (_LINE, _SENTENCE, _WORD)
