"""Customers' words to the articles' words: a question about 'tickets' is also one about 'tasks' where they say so.

The vector of a question halfway between its own words and the articles' finds more than its own (docs/quality.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from agent.errors import ConfigurationInvalid
from agent.ports import Embeddings

# A word gives way to one that so many times more chunks hold, and at least so many.
_TIMES_MORE = 1.5
_LEAST_CHUNKS = 3
_MEMBER = re.compile(r"[a-z]+(?:[ -][a-z]+)*")


@dataclass(frozen=True)
class Synonyms:
    """Groups of words for the same thing, each in lower case and in the singular."""

    groups: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def load(cls, file: Path) -> Synonyms:
        """Read a file {groups: [[word, ...], ...]}; without the file there are none.

        Raises ConfigurationInvalid naming what is wrong in it.
        """
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigurationInvalid(f"{file} cannot be read as YAML: {error}") from error
        return cls(_parse_groups(file.name, content))

    @property
    def words(self) -> list[str]:
        return [word for group in self.groups for word in group]

    def reword(self, text: str, chunks_with: Mapping[str, int]) -> str:
        """The text with each word exchanged for the one of its group that far more chunks hold.

        `chunks_with`: in how many chunks a word occurs. What is already in the articles' words comes back as it is.
        """
        if self._pattern is None:
            return text

        def exchange(match: re.Match[str]) -> str:
            said = match[0].lower()
            own, group, plural = self._forms[said]
            best = max(group, key=lambda word: chunks_with.get(word, 0))
            count = chunks_with.get(best, 0)
            if best == own or count < _LEAST_CHUNKS or count <= _TIMES_MORE * chunks_with.get(own, 0):
                return match[0]
            return _plural(best) if plural else best

        return self._pattern.sub(exchange, text)

    @cached_property
    def _forms(self) -> dict[str, tuple[str, tuple[str, ...], bool]]:
        """Each form that a text may have of a word: the word, its group, and whether it is a plural."""
        singulars = {word: (word, group, False) for group in self.groups for word in group}
        plurals = {_plural(word): (word, group, True) for group in self.groups for word in group}
        return {**plurals, **singulars}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        if not self._forms:
            return None
        longest_first = sorted(self._forms, key=len, reverse=True)
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])", re.IGNORECASE)


def blend(embeddings: Embeddings) -> Embeddings:
    """One row of unit length, halfway between all rows."""
    mean = embeddings.vectors.mean(axis=0, keepdims=True)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return Embeddings(embeddings.model_id, (mean / np.maximum(length, 1e-12)).astype(np.float32))


def _plural(word: str) -> str:
    if word.endswith("s"):
        return word
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "o", "u"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("x", "ch", "sh")) else f"{word}s"


def _parse_groups(name: str, content: Any) -> tuple[tuple[str, ...], ...]:
    groups = content.get("groups") if isinstance(content, dict) else None
    if not isinstance(groups, list):
        raise ConfigurationInvalid(f"{name} must say `groups:`, a list of lists of words")
    seen: set[str] = set()
    for number, group in enumerate(groups, 1):
        if not isinstance(group, list) or len(group) < 2:
            raise ConfigurationInvalid(f"{name}: group {number} must be a list of at least two words")
        for word in group:
            if not isinstance(word, str) or not _MEMBER.fullmatch(word):
                raise ConfigurationInvalid(f"{name}: {word!r} in group {number} is no word in lower case")
            if word in seen:
                raise ConfigurationInvalid(f"{name}: {word!r} stands twice; a word belongs to one group")
            seen.add(word)
    return tuple(tuple(group) for group in groups)
