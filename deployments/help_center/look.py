"""The help centre's documents: the list, an article, what a search found, and what is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote, urlencode

from agent.article_pages import ArticlePages, section_address
from agent.knowledge.article_html import ArticleHtml
from agent.records import Passage
from agent.reply.formatting import shortened, without_markdown
from channels.web_form.form_page import Asset, fill, load_files
from channels.web_form.form_texts import FALLBACK, Texts, load_texts
from crm.articles import ArticleEntry, ArticleFound

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ARTICLES_LISTED = 1_000
_EXCERPT_CHARS = 200
_FOLDER = Path(__file__).parent
_HTML = "text/html; charset=utf-8"
_PAGES = ArticlePages("/help", ours=True)
_SECTIONS_FOR_CONTENTS = 3


def load_help_files() -> dict[str, Asset]:
    """What the pages load beside themselves, by name."""
    return load_files(_FOLDER)


def help_texts() -> Mapping[str, Texts]:
    """The pages' texts by language code, English first."""
    return load_texts(_FOLDER / "texts")


def list_page(entries: Sequence[ArticleEntry], language: str, origin: str) -> Asset:
    """Every article under its category, as far as a page can hold them. `origin`: what customers' links begin with."""
    texts = help_texts()[language]
    listed = entries[:ARTICLES_LISTED]
    sections = "\n".join(
        _category(name or texts["other"], list(articles), number)
        for number, (name, articles) in enumerate(groupby(listed, key=lambda entry: entry.category))
    )
    notes = [_escaped(texts, "empty")] if not entries else []
    notes += [_escaped(texts, "more")] if len(entries) > len(listed) else []
    content = (
        f'    <h1>{_escaped(texts, "title")}</h1>\n    <p class="lead">{_escaped(texts, "lead")}</p>\n'
        f'    <div class="categories">\n{sections}\n    </div>\n'
        + "".join(f'    <p class="note">{note}</p>\n' for note in notes)
    )
    return _document(language, content, heading="", path="/help", head=_canonical(f"{origin}/help"))


def article_page(entry: ArticleEntry, article: ArticleHtml, language: str, origin: str) -> Asset:
    """One article with the date when it was last verified, and a way to say that it is wrong."""
    texts = help_texts()[language]
    # Articles are written in English, whatever the page around them speaks.
    content = (
        f'    <p class="back"><a href="/help{_asked(language)}">{_escaped(texts, "back")}</a></p>\n'
        f'    <article lang="{FALLBACK}" dir="auto">\n      <h1 dir="auto">{escape(entry.title)}</h1>\n'
        f"{_verified(entry, language)}{_contents(article, language)}{article.body}    </article>\n"
        f'    <p class="ask"><span>{_escaped(texts, "wrong")}</span> <a href="{_question_about(entry, language)}">'
        f"{_escaped(texts, 'ask')}</a></p>\n"
    )
    path = _PAGES.address_of(entry.slug, "")
    return _document(language, content, heading=entry.title, path=path, head=_canonical(f"{origin}{path}"))


def results_page(query: str, found: Sequence[ArticleFound], language: str) -> Asset:
    texts = help_texts()[language]
    title = texts["results"].replace("{query}", query)
    nothing = texts["nothing"].replace("{query}", query)
    items = "\n".join(_result(each, language) for each in found)
    content = f'    <h1 dir="auto">{escape(title)}</h1>\n'
    content += (
        f'    <ul class="results">\n{items}\n    </ul>\n' if found else f'    <p class="lead">{escape(nothing)}</p>\n'
    )
    return _document(language, content, heading=title, path="/help", head=_UNLISTED, query=query)


def busy_page(query: str, language: str) -> Asset:
    """In place of what a search found."""
    texts = help_texts()[language]
    content = (
        f'    <h1>{_escaped(texts, "title")}</h1>\n    <p class="lead" role="alert">{_escaped(texts, "busy")}</p>\n'
    )
    return _document(language, content, heading=texts["title"], path="/help", head=_UNLISTED, query=query)


def missing_page(language: str) -> Asset:
    texts = help_texts()[language]
    content = (
        f'    <h1>{_escaped(texts, "gone_title")}</h1>\n    <p class="lead">{_escaped(texts, "gone")}</p>\n'
        f'    <p class="note"><a href="/help{_asked(language)}">{_escaped(texts, "back")}</a></p>\n'
    )
    return _document(language, content, heading=texts["gone_title"], path="/help", head=_UNLISTED)


_UNLISTED = '  <meta name="robots" content="noindex">'


def _document(language: str, content: str, *, heading: str, path: str, head: str, query: str = "") -> Asset:
    texts = help_texts()[language]
    form = load_texts()[language]
    values = {key: escape(text) for key, text in {**form, **texts}.items()} | {
        "language": language,
        "head": head,
        "page_title": escape(" · ".join(part for part in (heading, texts["title"], form["page.title"]) if part)),
        "asked": _asked(language),
        "keep_language": "" if language == FALLBACK else f'<input type="hidden" name="lang" value="{language}">',
        "query": escape(query),
        "content": content,
        "languages": "\n".join(_language_links(language, path, query)),
    }
    return Asset(fill(_template(), values).encode(), _HTML)


@cache
def _template() -> str:
    return (_FOLDER / "page.html").read_text(encoding="utf-8")


def _language_links(current: str, path: str, query: str) -> Iterator[str]:
    """The same page in each language, its search included."""
    for language, texts in load_texts().items():
        marked = ' aria-current="true"' if language == current else ""
        address = escape(f"{path}?{urlencode({'q': query, 'lang': language} if query else {'lang': language})}")
        name = escape(texts["language"])
        yield f'      <a href="{address}" hreflang="{language}" lang="{language}"{marked}>{name}</a>'


def _category(name: str, entries: Sequence[ArticleEntry], number: int) -> str:
    items = "\n".join(
        f'          <li><a href="{escape(_PAGES.address_of(entry.slug, ""))}">{escape(entry.title)}</a></li>'
        for entry in entries
    )
    return (
        f'      <section aria-labelledby="_category-{number}" dir="auto">\n'
        f'        <h2 id="_category-{number}">{escape(name)}</h2>\n'
        f'        <ul lang="{FALLBACK}">\n{items}\n        </ul>\n      </section>'
    )


def _result(found: ArticleFound, language: str) -> str:
    """Leads to the section that has the words."""
    passage = Passage(
        *(found.slug, found.title, found.heading_path, found.body, 0.0, 0.0),
        url=f"{_PAGES.address_of(found.slug, '')}{_asked(language)}",
        on_our_page=True,
    )
    plain = " ".join(without_markdown(found.body, links=False).split())
    excerpt, whole = shortened(plain, _EXCERPT_CHARS, "chars")
    if not excerpt:
        excerpt = plain[:_EXCERPT_CHARS].rsplit(" ", 1)[0]
    return (
        f'      <li lang="{FALLBACK}" dir="auto"><a href="{escape(section_address(passage))}">{escape(found.title)}</a>'
        f'<p class="path">{escape(found.heading_path)}</p><p>{escape(excerpt)}{"" if whole else " …"}</p></li>'
    )


def _verified(entry: ArticleEntry, language: str) -> str:
    if entry.last_verified_at is None:
        return ""
    day = f"{entry.last_verified_at:%Y-%m-%d}"
    return (
        f'      <p class="checked" {_spoken(language)}>{_escaped(help_texts()[language], "verified")}'
        f' <time datetime="{day}" dir="ltr">{day}</time></p>\n'
    )


def _contents(article: ArticleHtml, language: str) -> str:
    """Links to the sections, where there are more than are seen at once."""
    outer = [section for section in article.sections if section.level == 2 and section.anchor]
    if len(outer) < _SECTIONS_FOR_CONTENTS:
        return ""
    links = "\n".join(
        f'          <li><a href="#{escape(section.anchor)}">{escape(section.heading)}</a></li>' for section in outer
    )
    return (
        f'      <nav class="contents" aria-labelledby="_contents" {_spoken(language)}>\n'
        f'        <strong id="_contents">{_escaped(help_texts()[language], "contents")}</strong>\n'
        f'        <ul lang="{FALLBACK}" dir="auto">\n{links}\n        </ul>\n      </nav>\n'
    )


def _canonical(address: str) -> str:
    return f'  <link rel="canonical" href="{escape(address)}">'


def _question_about(entry: ArticleEntry, language: str) -> str:
    """The form, with the article's title as the subject."""
    query = {"subject": entry.title} | ({} if language == FALLBACK else {"lang": language})
    return escape(f"/?{urlencode(query, quote_via=quote)}")


def _asked(language: str) -> str:
    """What of an address keeps the language; English needs none."""
    return "" if language == FALLBACK else f"?lang={language}"


def _escaped(texts: Texts, key: str) -> str:
    return escape(texts[key])


def _spoken(language: str) -> str:
    return f'lang="{language}" dir="{load_texts()[language]["direction"]}"'
