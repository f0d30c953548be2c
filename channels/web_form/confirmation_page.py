"""The page behind the link of a confirmation mail: it asks once more, and only its buttons answer."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import urlencode

from channels.web_form.form_page import Asset, fill, language_links, load_files
from channels.web_form.form_texts import Texts, load_texts

CONFIRM_PATH = "/support/confirm"
_FOLDER = Path(__file__).parent / "confirm"


def confirmation_link(base_url: str, ticket_id: str, token: str) -> str:
    """The token is in the fragment, which browsers send to no server and no log."""
    return f"{base_url}{CONFIRM_PATH}#{urlencode({'ticket': ticket_id, 'token': token})}"


def confirmation_texts() -> dict[str, Texts]:
    """The texts of page and mail by language code, English first."""
    return dict(load_texts(_FOLDER / "texts"))


def load_confirmation_files() -> dict[str, Asset]:
    """The page's own style sheet and script, by name."""
    return load_files(_FOLDER)


def render_confirmation_pages() -> dict[str, Asset]:
    """The page as one document in each language; nothing in it depends on a request."""
    template = (_FOLDER / "index.html").read_text(encoding="utf-8")
    form = load_texts()
    pages = {}
    for language, texts in confirmation_texts().items():
        values = {key: escape(text) for key, text in {**form[language], **texts}.items()} | {
            "language": language,
            "languages": "\n".join(language_links(language, CONFIRM_PATH)),
        }
        pages[language] = Asset(fill(template, values).encode(), "text/html; charset=utf-8")
    return pages
