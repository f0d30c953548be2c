"""Loads the named SQL blocks of crm/sql/<table>.sql; there is no SQL in Python.

A block begins with `-- name: verb_noun`, then comment lines (a sentence, and one line per `$n`), then one
statement. The one placeholder is `{vectors}`, an embedding model's table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

SQL_FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"^-- name: ([a-z][a-z0-9_]*)$", re.MULTILINE)


@cache
def load_queries(table: str, folder: Path = SQL_FOLDER) -> Mapping[str, str]:
    """The blocks of <folder>/<table>.sql by name. Raises ValueError for a file that holds none, or one twice."""
    path = folder / f"{table}.sql"
    parts = _NAME.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if not names or len(set(names)) != len(names):
        raise ValueError(f"{path.name}: blocks must exist and have distinct names")
    return MappingProxyType({name: body.strip() for name, body in zip(names, bodies, strict=True)})


def query_files() -> list[str]:
    """The names that `load_queries` takes."""
    return sorted(path.stem for path in SQL_FOLDER.glob("*.sql"))
