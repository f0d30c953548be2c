"""Collections of texts as other projects publish them: whatever of a folder or a file reads as one, each once.

A collection is not part of this project; it is read where it lies.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.errors import BadInput

_NAMES = (
    "text", "prompt", "attack", "attacks", "jailbreak", "injection", "instruction", "payload", "content", "question",
    "query", "goal", "message", "input", "template", "payloads", "prompts", "behavior", "description",
)  # fmt: skip
"""Under these a record has its text; of several the first of this list counts."""
_SHORTEST = 8
_LONGEST = 20_000
_LARGEST_FIELD = 10_000_000


@dataclass(frozen=True, slots=True)
class AttackText:
    """`source` is the file that it is from, relative to what was given."""

    source: str
    text: str


def read_texts(path: Path, field: str = "") -> list[AttackText]:
    """The texts of a file or of every file of a folder that can be read: .txt (one a line), .md (one a file), .csv,
    .tsv, .json, .jsonl, .yaml. `field` names the column or key that has the text, where it has a name of its own.

    Raises BadInput where there is nothing, naming the file or the folder.
    """
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    if not path.exists():
        raise BadInput(str(path), "does not exist")
    found: dict[str, AttackText] = {}
    for file in files:
        reader = _READERS.get(file.suffix.lower())
        if reader is None or any(part.startswith(".") for part in file.relative_to(path).parts):
            continue
        source = file.relative_to(path).as_posix() if path.is_dir() else file.name
        for text in reader(file, (field,) if field else _NAMES):
            stripped = text.strip()[:_LONGEST]
            if len(stripped) >= _SHORTEST:
                found.setdefault(stripped, AttackText(source, stripped))
    if not found:
        raise BadInput(str(path), "has no text; give a .txt, .md, .csv, .tsv, .json, .jsonl or .yaml file, or a folder")
    return list(found.values())


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig", errors="replace")


def _lines(file: Path, names: Sequence[str]) -> Iterator[str]:
    yield from _read(file).splitlines()


def _whole(file: Path, names: Sequence[str]) -> Iterator[str]:
    yield _read(file)


def _table(file: Path, names: Sequence[str]) -> Iterator[str]:
    csv.field_size_limit(_LARGEST_FIELD)
    separator = "\t" if file.suffix.lower() == ".tsv" else ","
    rows = list(csv.reader(_read(file).replace("\0", "").splitlines(keepends=True), delimiter=separator))
    if not rows:
        return
    header = [name.strip().lower() for name in rows[0]]
    known = next((header.index(name) for name in names if name in header), None)
    body = rows if known is None else rows[1:]
    # Without a name that says it, the column with the longest cells.
    width = max(map(len, rows))
    sizes = [sum(len(row[column]) for row in body if column < len(row)) for column in range(width)]
    column = known if known is not None else sizes.index(max(sizes))
    yield from (row[column] for row in body if column < len(row))


def _json(file: Path, names: Sequence[str]) -> Iterator[str]:
    try:
        yield from _texts_in(json.loads(_read(file)), names)
    except json.JSONDecodeError as error:
        raise BadInput(str(file), f"is not JSON ({error.msg}, line {error.lineno})") from error


def _json_lines(file: Path, names: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(_read(file).splitlines(), start=1):
        if line.strip():
            try:
                yield from _texts_in(json.loads(line), names)
            except json.JSONDecodeError as error:
                raise BadInput(f"{file}:{number}", f"is not JSON ({error.msg})") from error


def _yaml(file: Path, names: Sequence[str]) -> Iterator[str]:
    try:
        for document in yaml.safe_load_all(_read(file)):
            yield from _texts_in(document, names)
    except yaml.YAMLError as error:
        raise BadInput(str(file), "is not YAML") from error


def _texts_in(value: Any, names: Sequence[str]) -> Iterator[str]:
    """Strings of lists, and of a record the one under the first known name; what lies deeper is looked into."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts_in(each, names)
    elif isinstance(value, dict):
        named = {str(key).lower(): each for key, each in value.items()}
        told = next((named[name] for name in names if name in named), None)
        # Where every value is a list the keys are kinds of texts, whatever they are called.
        if told is not None and not all(isinstance(each, list | dict) for each in value.values()):
            yield from _texts_in(told, names)
        else:
            inside = [each for each in value.values() if isinstance(each, list | dict)]
            yield from (text for each in inside for text in _texts_in(each, names))


_READERS = {
    ".txt": _lines,
    ".md": _whole,
    ".csv": _table,
    ".tsv": _table,
    ".json": _json,
    ".jsonl": _json_lines,
    ".yaml": _yaml,
    ".yml": _yaml,
}
