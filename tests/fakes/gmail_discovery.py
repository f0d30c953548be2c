"""Whether a request to Gmail is one by the discovery document inside google-api-python-client."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

# https://cloud.google.com/apis/docs/system-parameters
_EVERYWHERE = {"alt", "fields", "key", "prettyPrint", "quotaUser", "$.xgafv", "uploadType", "upload_protocol"}


@cache
def discovery_document() -> dict[str, Any]:
    folder = files("googleapiclient.discovery_cache") / "documents" / "gmail.v1.json"
    document: dict[str, Any] = json.loads(folder.read_text(encoding="utf-8"))
    return document


@cache
def _methods() -> list[tuple[str, re.Pattern[str], dict[str, Any]]]:
    found = []
    for method in _walk(discovery_document()["resources"]):
        # {userId} takes one segment of the path.
        path = re.sub(r"\\\{\+?(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(method["path"]))
        found.append((method["httpMethod"], re.compile(f"^/{path}$"), method))
    return found


def _walk(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in resources.values():
        yield from resource.get("methods", {}).values()
        yield from _walk(resource.get("resources", {}))


def match_request(http_method: str, path: str) -> tuple[dict[str, Any], dict[str, str]] | None:
    """The method of the document that a request calls, and what stands in its path."""
    for verb, pattern, method in _methods():
        match = pattern.match(path)
        if verb == http_method and match:
            return method, match.groupdict()
    return None


def find_violations(method: dict[str, Any], query: dict[str, list[str]], body: Any) -> list[str]:
    """What of a request the document does not allow."""
    problems = []
    parameters = method.get("parameters", {})
    for name, values in query.items():
        rule = parameters.get(name)
        if rule is None:
            problems += [] if name in _EVERYWHERE else [f"{method['id']} has no parameter {name}"]
            continue
        if len(values) > 1 and not rule.get("repeated"):
            problems.append(f"{name} is given {len(values)} times")
        problems += [f"{name}: {problem}" for value in values for problem in _check_text(rule, value)]
    for name, rule in parameters.items():
        if rule.get("required") and rule["location"] == "query" and name not in query:
            problems.append(f"{method['id']} needs {name}")
    request = method.get("request")
    if request is None:
        problems += [] if body is None else [f"{method['id']} takes no body"]
    else:
        problems += _check(request, body, method["id"], "body")
    return problems


def _check_text(rule: dict[str, Any], value: str) -> list[str]:
    if "enum" in rule and value not in rule["enum"]:
        return [f"{value} is none of {rule['enum']}"]
    if (rule.get("type") == "integer" or rule.get("format") in {"uint64", "int64"}) and not value.isdigit():
        return [f"{value!r} is no number"]
    if rule.get("type") == "boolean" and value not in {"true", "false"}:
        return [f"{value!r} is neither true nor false"]
    return []


def _check(schema: dict[str, Any], value: Any, method: str, where: str) -> list[str]:
    if "$ref" in schema:
        schema = discovery_document()["schemas"][schema["$ref"]]
    match schema.get("type"):
        case "object":
            return _check_object(schema, value, method, where)
        case "array":
            if not isinstance(value, list):
                return [f"{where} is no list"]
            return [p for n, each in enumerate(value) for p in _check(schema["items"], each, method, f"{where}[{n}]")]
        case "string":
            if not isinstance(value, str):
                return [f"{where} is no string"]
            # Google reads base64url, with padding or without; the alphabet of plain base64 it refuses.
            wrong = schema.get("format") == "byte" and not re.fullmatch(r"[A-Za-z0-9_-]*={0,2}", value)
            return [f"{where} is no base64url"] if wrong else []
        case "integer":
            return [] if isinstance(value, int) else [f"{where} is no integer"]
        case "boolean":
            return [] if isinstance(value, bool) else [f"{where} is no boolean"]
    return []


def _check_object(schema: dict[str, Any], value: Any, method: str, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    problems = []
    properties = schema.get("properties", {})
    for name, each in value.items():
        if name not in properties:
            problems.append(f"{where}.{name} is unknown")
        else:
            problems += _check(properties[name], each, method, f"{where}.{name}")
    for name, rule in properties.items():
        if method in rule.get("annotations", {}).get("required", ()) and name not in value:
            problems.append(f"{method} needs {where}.{name}")
    return problems
