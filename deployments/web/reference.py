"""The reference of the HTTP interface as one page that loads nothing, from the OpenAPI description."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel

_STYLE = (
    ":root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}"
    "body{max-width:60rem;margin:2rem auto;padding:0 1.25rem}"
    "article{border-top:1px solid color-mix(in srgb,currentcolor 22%,transparent);padding:1rem 0}"
    "h3{font:600 1.05rem ui-monospace,monospace;margin:.2rem 0;overflow-wrap:anywhere}"
    "b{display:inline-block;min-width:3.6em}"
    "table{border-collapse:collapse;width:100%;font-size:.92rem}"
    "td,th{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0}"
    "td:first-child{white-space:nowrap}"
)
REFERENCE_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_METHODS = ("get", "post", "put", "patch", "delete")


class ErrorModel(BaseModel):
    """`detail` is a sentence; for invalid fields a list of `{"field", "problem"}`."""

    detail: str | Sequence[Mapping[str, str]]


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error responses of a route for its OpenAPI description."""
    return {status: {"model": ErrorModel, "description": HTTPStatus(status).phrase} for status in statuses}


def json_body(
    model: type[BaseModel], *, required: bool = True, parameters: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The OpenAPI description of a JSON body that the route reads itself."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    # Enumerations are spelt out here: the route's model is not among FastAPI's components.
    for name, field in schema.get("properties", {}).items():
        if "$ref" in field:
            definition = definitions[field.pop("$ref").rsplit("/", 1)[-1]]
            schema["properties"][name] = {**definition, **field}
    extra: dict[str, Any] = {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}
    if parameters:
        extra["parameters"] = [*parameters]
    return extra


def render_reference(description: Mapping[str, Any]) -> str:
    """The page; every text is escaped."""
    info = description["info"]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(info['title'])}: HTTP reference</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])}</h1><p>{escape(info.get('description', ''))}</p>",
        '<p>The same for programs: <a href="/openapi.json">OpenAPI description</a>.</p>',
    ]
    tag = None
    for path, method, operation in _operations(description):
        group = (operation.get("tags") or ["other"])[0]
        if group != tag:
            tag = group
            parts.append(f"<h2>{escape(group.capitalize())}</h2>")
        parts.extend(_render_operation(description, path, method, operation))
    return "".join([*parts, "</body></html>"])


def _operations(description: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, item in description["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _render_operation(
    description: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> Iterator[str]:
    yield f"<article><h3><b>{method.upper()}</b> {escape(path)}</h3>"
    yield f"<p>{escape(operation.get('description', ''))}</p>"
    schemes = [name for entry in operation.get("security", ()) for name in entry]
    if schemes:
        yield f"<p>Bearer token: {escape(', '.join(schemes))}.</p>"
    rows = [
        (each["name"], each["in"], each.get("required", False), each.get("schema", {}), each.get("description", ""))
        for each in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    required = body.get("required", ())
    rows += [
        (name, "body", name in required, schema, schema.get("description", ""))
        for name, schema in body.get("properties", {}).items()
    ]
    if rows:
        yield "<table><thead><tr><th>Name</th><th>In</th><th>Value</th></tr></thead><tbody>"
        for name, place, needed, schema, text in rows:
            value = _value_words(description, schema) + ("" if needed else ", optional")
            yield f"<tr><td><code>{escape(name)}</code></td><td>{place}</td><td>{escape(value)}"
            yield f"<br>{escape(text)}</td></tr>" if text else "</td></tr>"
        yield "</tbody></table>"
    answers = (f"{status} {answer['description']}" for status, answer in operation["responses"].items())
    yield f"<p>Answers: {escape('; '.join(answers))}</p></article>"


def _value_words(description: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _value_words(description, description["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in schema:
        kinds = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return " or ".join(_value_words(description, each) for each in kinds)
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    words = str(schema.get("format") or schema.get("type", "any"))
    if "maxLength" in schema:
        words += f", at most {schema['maxLength']} characters"
    if "maximum" in schema:
        words += f", {schema.get('minimum', '')} to {schema['maximum']}"
    return words
