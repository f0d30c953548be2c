"""The support form's page and its files, with the form's rules rendered into the page."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from channels.web_form.submission import Submission

_FOLDER = Path(__file__).parent / "page"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_SHOWN = ("title", "minLength", "maxLength", "pattern", "format", "forbidden", "visible", "default")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file; `etag` changes with its content."""

    content: bytes
    media_type: str
    etag: str


def form_rules() -> dict[str, dict[str, Any]]:
    """What the page must check of each field, from the model that the server checks with."""
    schema = Submission.model_json_schema()
    rules = {}
    for name, field in schema["properties"].items():
        choices = schema["$defs"][field["$ref"].rsplit("/", 1)[-1]]["enum"] if "$ref" in field else None
        rules[name] = {key: field[key] for key in _SHOWN if key in field}
        rules[name]["required"] = name in schema["required"]
        if choices is not None:
            rules[name]["choices"] = choices
    return rules


def render_page() -> Asset:
    """The page as one document. In a script element only `<` could end the data; it is escaped."""
    rules = json.dumps(form_rules(), separators=(",", ":")).replace("<", "\\u003c")
    template = (_FOLDER / "index.html").read_text(encoding="utf-8")
    return _asset(template.replace("{{rules}}", rules).encode(), "text/html; charset=utf-8")


def load_assets() -> dict[str, Asset]:
    """The page's files by name."""
    return {
        path.name: _asset(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _MEDIA_TYPES
    }


def _asset(content: bytes, media_type: str) -> Asset:
    return Asset(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
