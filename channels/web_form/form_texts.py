"""The form's texts, one file a language, and which language a browser wants."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path

FALLBACK = "en"
_FORM = Path(__file__).parent / "texts"

Texts = Mapping[str, str]
"""By key. `language` is the language's own name for itself, `direction` is ltr or rtl; `{names}` are filled in."""


@cache
def load_texts(folder: Path = _FORM) -> Mapping[str, Texts]:
    """The texts by language code, English first; the form's, or those of another folder."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}
    return {FALLBACK: found.pop(FALLBACK), **found}


def choose_language(wanted: str, accept_language: str, languages: Collection[str]) -> str:
    """The first that we have: what the address asks for, then the browser's list (RFC 9110, 12.5.4), then English."""
    tags = [wanted, *_tags_of(accept_language)]
    return next((found for tag in tags if (found := _look_up(tag, languages))), FALLBACK)


def _look_up(tag: str, languages: Collection[str]) -> str | None:
    """RFC 4647, 3.4: drop the last part until one fits; `pt-BR` is answered by `pt`."""
    parts = tag.strip().lower().split("-")
    candidates = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((each for each in candidates if each in languages), None)


def _tags_of(accept_language: str) -> Iterator[str]:
    """Best first; what is not wanted or not written as the rule says is left out."""
    weighed = []
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name else 1.0
        except ValueError:
            continue
        if 0 < weight <= 1:
            weighed.append((weight, tag.strip()))
    yield from (tag for _, tag in sorted(weighed, key=lambda each: -each[0]))
