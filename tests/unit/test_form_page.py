"""What browsers get of the form: the element's modules, its texts in every language, and the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import channels.web_form
from agent.records import Category, Priority, TicketStatus
from channels.web_form.form_page import form_rules, load_modules, load_page_files, render_pages
from channels.web_form.form_texts import choose_language, load_texts
from channels.web_form.submission import Submission

ELEMENT = Path(channels.web_form.__file__).parent / "element"
LANGUAGES = list(load_texts())
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ELEMENT.glob("*.js")))


def exported(name: str) -> object:
    """What a module exports that is made of data."""
    found = re.fullmatch(r"export default (.*);\n", load_modules()[name].content.decode(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_element_carries_the_rules_of_the_model() -> None:
    assert exported("schema.js") == form_rules()
    assert form_rules().keys() == Submission.model_fields.keys()
    assert form_rules()["category"]["choices"] == [each.value for each in Category]
    assert form_rules()["message"]["maxLength"] == 5_000


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_has_no_inline_script_style_or_handler(language: str) -> None:
    page = render_pages()[language].content.decode()
    assert "style=" not in page
    assert "<style" not in page
    assert "{{" not in page
    assert not re.search(r"\son[a-z]+=", page)
    assert re.findall(r"<script ([^>]*)>", page) == [
        'type="module" src="/assets/page.js"',
        'type="module" src="/support-form.js"',
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_leads_to_the_articles_where_they_are_shown(language: str) -> None:
    link = f'<a class="help" href="/help?lang={language}">{load_texts()[language]["page.help"]}</a>'
    assert link in render_pages(help_path="/help")[language].content.decode()
    assert "/help" not in render_pages()[language].content.decode()


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_names_its_language_and_every_other(language: str) -> None:
    page = render_pages()[language].content.decode()
    assert f'<html lang="{language}" dir="{load_texts()[language]["direction"]}">' in page
    assert re.findall(r'href="/\?lang=([a-z]+)"', page) == LANGUAGES
    assert re.findall(r'lang="([a-z]+)" aria-current', page) == [language]


def test_every_module_that_is_imported_or_named_by_the_page_exists() -> None:
    modules = load_modules()
    for name in re.findall(r'from "\./([^"]+)"', SOURCES):
        assert name.removeprefix("assets/") in modules, name
    page = render_pages()["de"].content.decode()
    named = re.findall(r'"/assets/([^"]+)"', page)
    assert set(named) <= modules.keys() | load_page_files().keys()
    assert "texts/de.js" in named


def test_six_languages_at_least() -> None:
    assert set(LANGUAGES) >= {"en", "de", "es", "fr", "pt", "ar"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_language_has_every_text_with_its_placeholders(language: str) -> None:
    english, texts = load_texts()["en"], load_texts()[language]
    assert list(texts) == list(english)
    for key, text in texts.items():
        assert text.strip() == text != "", key
        assert sorted(re.findall(r"\{[a-z_]+\}", text)) == sorted(re.findall(r"\{[a-z_]+\}", english[key])), key


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_language_is_translated_and_not_only_copied(language: str) -> None:
    english, texts = load_texts()["en"], load_texts()[language]
    copied = {key for key, text in english.items() if len(text.split()) > 2 and texts[key] == text}
    assert copied == set()


def test_every_text_that_the_element_asks_for_exists_and_none_is_left_over() -> None:
    keys = {key for key in load_texts()["en"] if "." in key and not key.startswith("page.")}
    literal = {key for key in keys if f'"{key}"' in SOURCES}
    asked = set(re.findall(r'(?:\bt|\.get)\("([a-z_.]+)"', SOURCES)) - {"ticket", "token"}
    assert asked <= keys
    made = {f"status.{each.value}" for each in TicketStatus} | {"status.answered"}
    made |= {f"waiting.{each}" for each in ("escalated", "resolved", "closed", "answer")}
    made |= {f"category.{each.value}" for each in Category} | {f"priority.{each.value}" for each in Priority}
    made |= {f"field.{name}" for name in Submission.model_fields}
    made |= {f"error.{kind}" for kind in ("unreachable", "busy")}
    made |= {f"talk.{name}" for name in ("expected", "category", "priority", "sent")}
    assert keys == literal | made


@pytest.mark.parametrize(
    ("wanted", "header", "language"),
    [
        ("", "", "en"),
        ("", "de", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "nl,fr;q=0.4,es;q=0.8", "es"),
        ("", "pt-BR", "pt"),
        ("", "*", "en"),
        ("", "nl, *;q=0.1", "en"),
        ("", "fr;q=0,ar;q=0.1", "ar"),
        ("", "fr;q=x,;;,=,ar;q=0.1", "ar"),
        ("ar", "de", "ar"),
        ("AR-EG", "de", "ar"),
        ("../../etc", "de", "de"),
        ("", "en-GB,de", "en"),
        ("", "x" * 5_000, "en"),
    ],
)
def test_language_is_the_asked_for_then_the_browser_s_then_english(wanted: str, header: str, language: str) -> None:
    assert choose_language(wanted, header, load_texts()) == language
