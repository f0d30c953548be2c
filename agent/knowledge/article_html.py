"""An article's Markdown as HTML that is safe to show: nothing of it is markup but what the renderer writes itself.

HTML in an article is text, pictures are their words, and a link leads to the web or to a mailbox or is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.token import Token

from agent.article_pages import anchor_of
from agent.knowledge.markup import heading_text

_SAFE_LINK = re.compile(r"(?:https?://|mailto:)", re.IGNORECASE)
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class Section:
    """`level` is 2 for the outermost. `anchor` is its id in the HTML, '' where its heading has no word."""

    anchor: str
    heading: str
    level: int


@dataclass(frozen=True, slots=True)
class ArticleHtml:
    body: str
    sections: tuple[Section, ...]


def render_article(title: str, markdown: str) -> ArticleHtml:
    """The body below its title. Headings begin at `<h2>`, skip no level, and have the ids that `anchor_of` makes;
    of headings that are alike the second ends in -2."""
    tokens = list(_without_title(_MARKDOWN.parse(markdown), title))
    for token in tokens:
        token.attrs.pop("style", None)  # of a table's columns: a strict policy lets no style stand in the text
    sections = tuple(_number_headings(tokens))
    return ArticleHtml(_MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {}), sections)


def _without_title(tokens: Sequence[Token], title: str) -> Iterable[Token]:
    """The page has the title already, however the article says it again."""
    is_title = (
        len(tokens) > 2
        and tokens[0].type == "heading_open"
        and heading_text(tokens[1].content).casefold() == title.casefold()
    )
    return tokens[3:] if is_title else tokens


def _number_headings(tokens: Sequence[Token]) -> Iterable[Section]:
    headings = [
        (opening, heading_text(inline.content), closing)
        for opening, inline, closing in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if opening.type == "heading_open"
    ]
    anchors = _distinct([anchor_of(heading) for _, heading, _ in headings])
    outer: list[int] = []
    for (opening, heading, closing), anchor in zip(headings, anchors, strict=True):
        written = int(opening.tag[1:])
        outer = [*(level for level in outer if level < written), written]
        level = min(len(outer) + 1, _DEEPEST)
        opening.tag = closing.tag = f"h{level}"
        if anchor:
            opening.attrSet("id", anchor)
        yield Section(anchor, heading, level)


def _distinct(anchors: Sequence[str]) -> Iterator[str]:
    """The first of those that are alike stays as it is; a later one gets a number, and no other heading's anchor."""
    taken, seen = set(anchors), set[str]()
    for anchor in anchors:
        distinct = anchor
        if anchor in seen and anchor:
            distinct = next(each for number in count(2) if (each := f"{anchor}-{number}") not in taken)
        taken.add(distinct)
        seen.add(anchor)
        yield distinct


def _picture(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return escapeHtml(tokens[index].content)


def _table(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    """Wide ones scroll by themselves, also for who has only a keyboard."""
    return '<div class="scroll" tabindex="0"><table>\n'


def _end_of_table(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _code(tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f'<pre tabindex="0"><code>{escapeHtml(tokens[index].content)}</code></pre>\n'


def _make_markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable("code")
    made.validateLink = lambda url: bool(_SAFE_LINK.match(url))  # type: ignore[method-assign]
    rules: dict[str, Any] = made.renderer.rules  # type: ignore[attr-defined]
    rules.update(image=_picture, table_open=_table, table_close=_end_of_table, fence=_code)
    return made


_MARKDOWN = _make_markdown()
