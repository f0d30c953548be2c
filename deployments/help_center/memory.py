"""Rendered pages, each in its newest version, within a bound; what was not asked for the longest goes first."""

from __future__ import annotations

from collections import OrderedDict

from deployments.web.static_files import StaticFile

_MOST_BYTES = 16 * 1024 * 1024


class Memory:
    """Of one replica, under keys of one's own."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, StaticFile]] = OrderedDict()
        self.size_bytes = 0

    def get(self, key: tuple[str, str], version: bytes) -> StaticFile | None:
        """The page, if it is of this version."""
        found = self._kept.get(key)
        if found is None or found[0] != version:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def keep(self, key: tuple[str, str], version: bytes, page: StaticFile) -> None:
        """In place of an older version. A page that alone is over the bound is not kept."""
        self._drop(key)
        if len(page.content) > self._most_bytes:
            return
        self._kept[key] = (version, page)
        self.size_bytes += len(page.content)
        while self.size_bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[str, str]) -> None:
        if (found := self._kept.pop(key, None)) is not None:
            self.size_bytes -= len(found[1].content)
