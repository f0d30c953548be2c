"""The help centre of one replica: what customers read of the articles, from memory as far as it can be.

The database is asked for a table of contents every few seconds at most, and once for each version of an article; one
page at a time is rendered, in a thread, so that pages never stand in the way of messages.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from agent.errors import DatabaseAway, NotFound
from agent.knowledge.article_html import render_article
from agent.service.hours import utc_now
from channels.web_form.form_page import Asset
from crm.articles import ArticleEntry, ArticleFound, Articles
from crm.knowledge import PostgresKnowledge
from deployments.help_center import look
from deployments.help_center.allowance import Allowance
from deployments.help_center.memory import Memory
from deployments.web.static_files import StaticFile

_CONTENTS_LAST_S = 15.0
"""How long a table of contents is used; so long an article that changed may still be shown as it was."""
_FOUND = 10


@dataclass(frozen=True, slots=True)
class _Contents:
    """The current articles when they were read, in order. `version` changes with any of them."""

    entries: tuple[ArticleEntry, ...] = ()
    by_slug: dict[str, ArticleEntry] = field(default_factory=dict)
    version: bytes = b""
    read_at: float = -math.inf


class HelpPages:
    """Pages raise DatabaseAway while nothing was read yet; what was read once is shown through an outage."""

    def __init__(
        self,
        articles: Articles,
        words: PostgresKnowledge,
        base_url: str,
        *,
        memory: Memory | None = None,
        allowance: Allowance | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`words` says a search in the articles' words; `base_url` is what the pages' addresses begin with."""
        self._articles = articles
        self._words = words
        self._origin = base_url
        self._memory = memory or Memory()
        self._allowance = allowance or Allowance()
        self._clock = clock
        self._now = now
        self._contents = _Contents()
        self._reading = asyncio.Lock()
        self._rendering = asyncio.Lock()

    async def show_list(self, language: str) -> StaticFile:
        contents = await self._read_contents()
        key = ("", language)

        async def make() -> Asset:
            return await asyncio.to_thread(look.list_page, contents.entries, language, self._origin)

        return await self._remembered(key, contents.version, make)

    async def show_article(self, slug: str, language: str) -> StaticFile:
        """Raises NotFound for what is no article, or none that is current."""
        try:
            return await self._show_known(slug, language)
        except _Changed:
            self._contents = _Contents(self._contents.entries, self._contents.by_slug, self._contents.version)
        try:
            return await self._show_known(slug, language)
        except _Changed:  # once more, between two statements
            raise NotFound("no such article") from None

    async def search(self, query: str, sender: bytes | None) -> list[ArticleFound]:
        """The current articles that have most of the query's words, or the words that articles use for them.

        `sender` is who asks, where that is known. Raises TooManySearches, and DatabaseAway.
        """
        self._allowance.take(sender)
        reworded = await self._words.reword(query)
        return await self._articles.search(query if reworded == query else f"{query}\n{reworded}", _FOUND)

    async def _show_known(self, slug: str, language: str) -> StaticFile:
        entry = (await self._read_contents()).by_slug.get(slug)
        if entry is None or (entry.valid_until is not None and entry.valid_until < self._now()):
            raise NotFound("no such article")

        async def make() -> Asset:
            body = await self._articles.fetch_body(entry)
            if body is None:
                raise _Changed
            return await asyncio.to_thread(_render, entry, body, language, self._origin)

        return await self._remembered((slug, language), entry.content_hash, make)

    async def _read_contents(self) -> _Contents:
        if self._is_fresh():
            return self._contents
        async with self._reading:
            if self._is_fresh():
                return self._contents
            try:
                entries = tuple(await self._articles.fetch_current())
            except DatabaseAway:
                if not self._contents.version:
                    raise
                entries = self._contents.entries
            # A file that was only renamed has the content that it had.
            shown = [(entry.slug, entry.content_hash) for entry in entries]
            version = hashlib.sha256(repr(shown).encode()).digest()
            by_slug = {entry.slug: entry for entry in entries}
            self._contents = _Contents(entries, by_slug, version, self._clock())
        return self._contents

    def _is_fresh(self) -> bool:
        return self._clock() - self._contents.read_at < _CONTENTS_LAST_S

    async def _remembered(
        self, key: tuple[str, str], version: bytes, make: Callable[[], Awaitable[Asset]]
    ) -> StaticFile:
        if (known := self._memory.get(key, version)) is not None:
            return known
        async with self._rendering:
            if (known := self._memory.get(key, version)) is None:
                asset = await make()
                known = StaticFile.of(asset.content, asset.media_type)
                self._memory.keep(key, version, known)
        return known


class _Changed(Exception):
    """The article is not what the table of contents says any more."""


def _render(entry: ArticleEntry, body: str, language: str, origin: str) -> Asset:
    return look.article_page(entry, render_article(entry.title, body), language, origin)
