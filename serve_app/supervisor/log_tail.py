"""Shows what replicas write to stderr, as it comes, without what Serve says about its own work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

_CHUNK_BYTES = 256 * 1024
_RAY_MARKS = (":job_id:", ":actor_name:", ":task_name:")
_FIRST_LINE = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) \d{4}-\d\d-\d\d ")
# Serve's loggers name a component and not a module; its files in Ray's log folder have it all.
_OF_SERVE = re.compile(r"INFO \S+ \S+ (serve|controller|proxy|\w+_\w+) \S+ -- ")
# One machine is what is wanted here.
_EXPECTED = "won't accept connections from HAProxy on other nodes"


class LogTail:
    """Follows every `worker-*.err` of a Ray session; files that appear later are read from their start.

    A line that does not begin a record, such as a traceback's, belongs to the record before it.
    """

    def __init__(self, folder: Path, show: Callable[[str], None]) -> None:
        self._folder = folder
        self._show = show
        self._offsets: dict[Path, int] = {}
        self._partial: dict[Path, str] = {}
        self._showing: dict[Path, bool] = {}

    def poll(self) -> None:
        """Show the complete lines that were written since the last call."""
        for file in sorted(self._folder.glob("worker-*.err")):
            for line in self._new_lines(file):
                if _FIRST_LINE.match(line):
                    self._showing[file] = not _OF_SERVE.match(line) and _EXPECTED not in line
                if line.strip() and not line.startswith(_RAY_MARKS) and self._showing.get(file, True):
                    self._show(line)

    def _new_lines(self, file: Path) -> Iterator[str]:
        try:
            with file.open("rb") as stream:
                stream.seek(self._offsets.get(file, 0))
                data = stream.read(_CHUNK_BYTES)
        except FileNotFoundError:
            return
        self._offsets[file] = self._offsets.get(file, 0) + len(data)
        *lines, rest = (self._partial.get(file, "") + data.decode("utf-8", "replace")).split("\n")
        self._partial[file] = rest
        yield from lines
