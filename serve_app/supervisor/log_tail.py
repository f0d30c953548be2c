"""Shows what replicas write to stderr, as it comes and short, without what Serve says about its own work."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

_CHUNK_BYTES = 256 * 1024
_RAY_MARKS = (":job_id:", ":actor_name:", ":task_name:")
_FIRST_LINE = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL) \d{4}-\d\d-\d\d ")
# Serve's loggers name a component and not a module; its files in Ray's log folder have it all.
_OF_SERVE = re.compile(r"INFO \S+ \S+ (serve|controller|proxy|\w+_\w+) \S+ -- ")
# One machine is what is wanted here.
_EXPECTED = "won't accept connections from HAProxy on other nodes"


# What a line names of a record's fields; all of them are in the file.
_NAMED = ("ticket_id", "outcome", "reason", "route", "status", "attempts", "count", "ms")


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
        """Show the complete lines that were written since the last call, in the order of their times."""
        shown: list[tuple[str, str]] = []
        for file in sorted(self._folder.glob("worker-*.err")):
            at = ""
            for line in self._new_lines(file):
                if (record := _parse_record(line)) is not None:
                    at = record["asctime"]
                    self._showing[file] = not _is_of_serve(record)
                    if self._showing[file]:
                        shown.append((at, to_short_text(record)))
                    continue
                if _FIRST_LINE.match(line):
                    self._showing[file] = not _OF_SERVE.match(line) and _EXPECTED not in line
                if line.strip() and not line.startswith(_RAY_MARKS) and self._showing.get(file, True):
                    shown.append((at, line))
        # A line without a time of its own stays with the one before it in its file.
        for _, text in sorted(shown, key=lambda each: each[0]):
            self._show(text)

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


def to_short_text(record: dict[str, Any]) -> str:
    """A record as a person reads it beside others: the time of day here, who says what about which ticket."""
    at = datetime.fromisoformat(record["asctime"]).astimezone()
    who = record.get("deployment") or record["logger"]
    level = "" if record["levelname"] == "INFO" else f"{record['levelname']} "
    words = (_as_word(name, record[name]) for name in _NAMED if record.get(name) not in (None, ""))
    named = " ".join(word for word in words if word)
    first, newline, rest = str(record["message"]).partition("\n")
    line = f"{at:%H:%M:%S} {who:<10} {level}{first}{f'  {named}' if named else ''}{newline}{rest}".rstrip()
    return "\n".join([line, *_indented(record.get("exc_text", ""))])


def _parse_record(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return (
        record if isinstance(record, dict) and {"asctime", "levelname", "logger", "message"} <= record.keys() else None
    )


def _is_of_serve(record: dict[str, Any]) -> bool:
    return (record["logger"] == "ray.serve" and record["levelname"] == "INFO") or _EXPECTED in record["message"]


def _as_word(name: str, value: Any) -> str:
    if name == "ms":
        return f"{value:.0f} ms"
    if name == "attempts":
        return "" if value == 1 else f"at the {value}. attempt"
    return f"{name} {value}" if name == "count" else str(value)


def _indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.splitlines()]
