"""Whether a request is one that OpenAI's own description of its API allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

DESCRIPTION = Path(__file__).parents[3] / "shared" / "specs" / "openai_openapi.yaml"
"""OpenAI's OpenAPI description, which is not part of this project; without it no request is looked at."""
_PREFIX = "/v1"


class Contract:
    """OpenAI's OpenAPI description, asked about single requests."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._schemas = description["components"]["schemas"]
        self._components = description["components"]
        self._paths = description["paths"]
        self._validators: dict[str, Draft202012Validator] = {}

    @classmethod
    def read(cls) -> Contract | None:
        """None where the description is absent."""
        return _read() if DESCRIPTION.exists() else None

    def problems(self, path: str, body: Mapping[str, Any]) -> list[str]:
        """What the description does not allow in a POST of this body."""
        operation = self._paths.get(path.removeprefix(_PREFIX), {}).get("post")
        if operation is None:
            return [f"there is no POST {path}"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        validator = self._validators.setdefault(path, Draft202012Validator({**schema, "components": self._components}))
        # A description allows what it does not name; a field of ours that it does not name is a mistake.
        unknown = sorted(set(body) - set(self._fields(schema)))
        wrong = [f"{'/'.join(map(str, each.absolute_path))}: {each.message}" for each in validator.iter_errors(body)]
        return [f"{path}: {name} is no field of it" for name in unknown] + [f"{path}: {each[:300]}" for each in wrong]

    def _fields(self, schema: Mapping[str, Any]) -> Iterator[str]:
        if "$ref" in schema:
            yield from self._fields(self._schemas[schema["$ref"].rsplit("/", 1)[-1]])
        yield from schema.get("properties", {})
        for each in schema.get("allOf", ()):
            yield from self._fields(each)


@cache
def _read() -> Contract:
    return Contract(yaml.load(DESCRIPTION.read_text(encoding="utf-8"), yaml.CSafeLoader))
