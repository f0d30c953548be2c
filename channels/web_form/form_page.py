"""What browsers get of the form: the `<support-form>` element as modules, and the page that shows it.

The modules are served as they lie in `element/`. Four kinds are made here, so that each thing is written in its own
language and in one place: the style sheet, the rules of the fields, the languages, and the texts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from channels.texts import COMMENT_MAX
from channels.web_form.files import ACCEPTED, FILE_MAX_BYTES, FILES_MAX
from channels.web_form.form_texts import FALLBACK, Texts, load_texts
from channels.web_form.submission import Submission

ENTRY = "support-form.js"
"""The one script of a page that embeds the form; it stands above the folder of its modules."""

_ELEMENT = Path(__file__).parent / "element"
_PAGE = Path(__file__).parent / "page"
_SCRIPT = "text/javascript; charset=utf-8"
_MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": _SCRIPT, ".svg": "image/svg+xml"}
_SHOWN = ("title", "minLength", "maxLength", "pattern", "format", "forbidden", "visible", "default")
_PLACEHOLDER = re.compile(r"\{\{([a-z_.]+)\}\}")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """What is served under one address."""

    content: bytes
    media_type: str


def form_rules() -> dict[str, dict[str, Any]]:
    """What the form must check of each field, from the model that the server checks with."""
    schema = Submission.model_json_schema()
    rules = {}
    for name, field in schema["properties"].items():
        choices = schema["$defs"][field["$ref"].rsplit("/", 1)[-1]]["enum"] if "$ref" in field else None
        rules[name] = {key: field[key] for key in _SHOWN if key in field}
        rules[name]["required"] = name in schema["required"]
        if choices is not None:
            rules[name]["choices"] = choices
    return rules


def load_modules() -> dict[str, Asset]:
    """The element's modules by their path below `assets/`, its entry included: what other sites may load."""
    texts = load_texts()
    made: dict[str, str | Mapping[str, Any]] = {
        "styles.js": (_ELEMENT / "support-form.css").read_text(encoding="utf-8"),
        "schema.js": form_rules(),
        "limits.js": {
            "files_max": FILES_MAX,
            "file_max_bytes": FILE_MAX_BYTES,
            "endings": ACCEPTED,
            "comment_max": COMMENT_MAX,
        },
        "languages.js": {language: each["direction"] for language, each in texts.items()},
        **{f"texts/{language}.js": each for language, each in texts.items()},
    }
    modules = {path.name: Asset(path.read_bytes(), _SCRIPT) for path in sorted(_ELEMENT.glob("*.js"))}
    return modules | {name: Asset(_module(value), _SCRIPT) for name, value in made.items()}


def load_page_files() -> dict[str, Asset]:
    """The page's own style sheet, script and icon, by name."""
    return load_files(_PAGE)


def load_files(folder: Path) -> dict[str, Asset]:
    """What of a folder a page loads beside itself, by name."""
    found = (path for path in sorted(folder.iterdir()) if path.suffix in _MEDIA_TYPES)
    return {path.name: Asset(path.read_bytes(), _MEDIA_TYPES[path.suffix]) for path in found}


def render_pages(help_path: str = "") -> dict[str, Asset]:
    """The page as one document in each language. `help_path` is where the articles are, empty where they are not."""
    template = (_PAGE / "index.html").read_text(encoding="utf-8")
    shared = [name for name in load_modules() if name != ENTRY and not name.startswith("texts/")]
    pages = {}
    for language, texts in load_texts().items():
        modules = [*shared, *(f"texts/{each}.js" for each in dict.fromkeys((FALLBACK, language)))]
        values = {key: escape(text) for key, text in texts.items()} | {
            "language": language,
            "languages": "\n".join(language_links(language, "/")),
            "help": _help_link(help_path, language, texts),
            "preloads": "\n".join(f'  <link rel="modulepreload" href="/assets/{name}">' for name in modules),
        }
        pages[language] = Asset(fill(template, values).encode(), "text/html; charset=utf-8")
    return pages


def _help_link(path: str, language: str, texts: Texts) -> str:
    if not path:
        return ""
    return f'\n      <a class="help" href="{path}?lang={language}">{escape(texts["page.help"])}</a>'


def language_links(current: str, page: str) -> Iterator[str]:
    """The links from a page in one language to the same page in each."""
    for language, texts in load_texts().items():
        marked = ' aria-current="true"' if language == current else ""
        name = escape(texts["language"])
        yield f'      <a href="{page}?lang={language}" hreflang="{language}" lang="{language}"{marked}>{name}</a>'


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with each `{{name}}` in it replaced by that value, which is HTML already."""
    return _PLACEHOLDER.sub(lambda found: values[found[1]], template)


def _module(value: str | Mapping[str, Any]) -> bytes:
    """JSON is JavaScript since ECMAScript 2019."""
    return f"export default {json.dumps(value, ensure_ascii=False)};\n".encode()
