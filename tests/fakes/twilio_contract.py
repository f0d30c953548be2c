"""Whether a request is one that Twilio's own description of its API allows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

DESCRIPTION = Path(__file__).parents[3] / "shared" / "specs" / "twilio_api_v2010.json"
"""Twilio's OpenAPI description, which is not part of this project; without it no request is looked at."""
_PREFIX = "/2010-04-01/"


class Contract:
    """Twilio's OpenAPI description, asked about single requests."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._schemas = description["components"]["schemas"]
        self._paths = [
            (re.compile("^" + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)) + "$"), operations)
            for path, operations in description["paths"].items()
        ]

    @classmethod
    def read(cls) -> Contract | None:
        """None where the description is absent."""
        return cls(json.loads(DESCRIPTION.read_text(encoding="utf-8"))) if DESCRIPTION.exists() else None

    def problems(
        self, method: str, path: str, query: Mapping[str, Sequence[str]], form: Mapping[str, Sequence[str]]
    ) -> list[str]:
        """What Twilio's description does not allow; of its other APIs it says nothing."""
        if not path.startswith(_PREFIX):
            return []
        for pattern, operations in self._paths:
            match = pattern.match(path)
            if match and method.lower() in operations:
                return self._of_operation(operations[method.lower()], match.groupdict(), query, form)
        return [] if re.search(r"/Media/ME[0-9a-f]{32}$", path) else [f"there is no {method} {path}"]

    def _of_operation(
        self,
        operation: Mapping[str, Any],
        places: Mapping[str, str],
        query: Mapping[str, Sequence[str]],
        form: Mapping[str, Sequence[str]],
    ) -> list[str]:
        parameters = operation.get("parameters", [])
        in_path = {each["name"]: each["schema"] for each in parameters if each["in"] == "path"}
        in_query = {each["name"]: each["schema"] for each in parameters if each["in"] == "query"}
        body = operation.get("requestBody", {}).get("content", {}).get("application/x-www-form-urlencoded", {})
        schema = body.get("schema", {})
        problems = [f"{name} is required" for name in schema.get("required", []) if name not in form]
        given = {name: [value] for name, value in places.items()}
        for values, known in ((given, in_path), (query, in_query), (form, schema.get("properties", {}))):
            for name, each in values.items():
                problems += self._of_value(name, each, known.get(name))
        return problems

    def _of_value(self, name: str, values: Sequence[str], schema: Mapping[str, Any] | None) -> list[str]:
        if schema is None:
            return [f"{name} is no parameter of it"]
        schema = self._schemas[schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
        if schema.get("type") == "array":
            return [problem for value in values for problem in self._of_value(name, [value], schema["items"])]
        if len(values) != 1:
            return [f"{name} is given {len(values)} times"]
        return [f"{name} {problem}" for problem in _of_text(values[0], schema)]


def _of_text(value: str, schema: Mapping[str, Any]) -> list[str]:
    problems = []
    if len(value) < schema.get("minLength", 0) or len(value) > schema.get("maxLength", len(value)):
        problems.append("has a wrong length")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        problems.append(f"does not match {schema['pattern']}")
    if "enum" in schema and value not in schema["enum"]:
        problems.append("is none of the known values")
    match schema.get("type"):
        case "integer" if not re.fullmatch(r"-?\d+", value):
            problems.append("is no integer")
        case "integer" if not schema.get("minimum", int(value)) <= int(value) <= schema.get("maximum", int(value)):
            problems.append("is out of range")
        case "boolean" if value not in ("true", "false"):
            problems.append("is no boolean")
    match schema.get("format"):
        case "uri" if not re.match(r"https?://[^\s_/]+", value):
            problems.append("is no address")
        case "phone-number" if not re.fullmatch(r"(?:whatsapp:)?(?:\+\d{7,15}|[A-Z]{2}\.[A-Za-z0-9.]+)", value):
            problems.append("is no number")
        case "date-time" if not re.fullmatch(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\dZ)?", value):
            problems.append("is no time")
    return problems
