"""Knowledge files to articles: Markdown, MDX and plain text, with or without front matter."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path, PurePosixPath
from typing import Any

import frontmatter
import yaml
from frontmatter.default_handlers import YAMLHandler

from agent.errors import BadInput
from agent.knowledge.markup import heading_text, plain_text
from agent.records import Article

_SUFFIXES = frozenset({".md", ".mdx", ".markdown", ".txt", ".text", ".rst"})
_BLOCK = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_KEY_LINE = re.compile(r"^(\w+):[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t#]*$|^(\S.*)\n(?:=+|-{3,})[ \t]*$", re.MULTILINE)
# Names that say nothing about the content; the folder's name does.
_DAY_CHARS = len("2026-10-21")
_INDEX_NAMES = frozenset({"index", "_index", "readme"})
_CATEGORY_CHARS = 80
_INSIDE = frozenset({"internal", "private", "staff"})
_UNPUBLISHED = {
    "internal": frozenset({"true", "yes"}),
    "draft": frozenset({"true", "yes"}),
    "published": frozenset({"false", "no"}),
    "audience": _INSIDE,
    "visibility": _INSIDE,
}
"""Front matter by which an article is not for customers: as documentation tools spell it, in YAML's ways to say so."""


@dataclass(frozen=True, slots=True)
class ArticleFolder:
    """What a folder holds: its articles by slug, in order, and a BadInput naming each file that is none.

    `unpublished` are the slugs of those that are not for customers; they are nobody's to search, cite or show.
    """

    articles: tuple[Article, ...]
    errors: tuple[BadInput, ...]
    unpublished: tuple[str, ...] = ()


def check_folder(folder: Path) -> None:
    """Raises BadInput when it is none: what takes long to begin can say so at once."""
    if not folder.is_dir():
        raise BadInput(str(folder), "is not a folder; give the folder that holds the articles")


def read_articles(folder: Path) -> ArticleFolder:
    """Read every knowledge file under `folder`; hidden files and folders do not count.

    Raises BadInput when `folder` is not a folder.
    """
    check_folder(folder)
    articles: dict[str, Article] = {}
    errors: list[BadInput] = []
    unpublished: list[str] = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            article = parse_article(name, path.read_bytes())
        except OSError as error:
            errors.append(BadInput(name, f"cannot be read ({error.strerror})"))
        except BadInput as error:
            errors.append(error)
        else:
            if not article.published:
                unpublished.append(article.slug)
            elif article.slug in articles:
                errors.append(BadInput(name, "differs from another file only in its extension; rename one"))
            else:
                articles[article.slug] = article
    return ArticleFolder(tuple(articles[slug] for slug in sorted(articles)), tuple(errors), tuple(unpublished))


def parse_article(name: str, content: bytes) -> Article:
    """Parse one file. `name` is its path relative to the folder, with slashes and extension.

    Missing or broken front matter is tolerated. Raises BadInput for what is not UTF-8 text.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(name, f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    path = PurePosixPath(name)
    meta, body = _split_front_matter(text)
    if path.suffix not in (".txt", ".text"):
        body = plain_text(body)
    title = _string(meta.get("title")) or _first_heading(body) or _title_from(path)
    description = _string(meta.get("description"))
    if description and description.casefold() not in body.casefold():
        body = f"{description}\n\n{body}"
    url = _string(meta.get("url"))
    verified_at = _moment(meta.get("last_verified_at"), time.min)
    valid_until = _moment(meta.get("valid_until"), time.max)
    parts = [title, body.strip(), url, verified_at.isoformat() if verified_at else ""]
    parts += [valid_until.isoformat()] if valid_until else []
    category = _string(meta.get("category"))[:_CATEGORY_CHARS] or _category_from(path)
    parts += [f"category: {category}"] if category else []
    return Article(
        slug=path.with_suffix("").as_posix(),
        title=title,
        body=body.strip(),
        content_hash=hashlib.sha256("\0".join(parts).encode()).digest(),
        url=url if url.startswith(("http://", "https://")) else "",
        last_verified_at=verified_at,
        valid_until=valid_until,
        category=category,
        published=not any(_words(meta.get(name)) & said for name, said in _UNPUBLISHED.items()),
    )


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") or part == "node_modules" for part in path.relative_to(folder).parts)
        if not hidden and path.suffix.lower() in _SUFFIXES and path.is_file():
            yield path


def _split_front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Metadata and the rest. Of broken YAML the lines that read `key: value` are kept."""
    try:
        meta, body = frontmatter.parse(text, handler=YAMLHandler())
        if meta or not _BLOCK.match(text):
            return meta, body
    except (yaml.YAMLError, ValueError, TypeError, AttributeError):
        pass
    block = _BLOCK.match(text)
    if block is None:
        return {}, text
    lines = {key: value.strip("\"'") for key, value in _KEY_LINE.findall(block[1])}
    return dict(lines), text[block.end() :]


def _first_heading(body: str) -> str:
    match = _HEADING.search(re.sub(r"^(`{3,}|~{3,}).*?^\1", "", body, flags=re.MULTILINE | re.DOTALL))
    return heading_text(match[1] or match[2]) if match else ""


def _title_from(path: PurePosixPath) -> str:
    stem = path.parent.name if path.stem.lower() in _INDEX_NAMES and path.parent.name else path.stem
    words = re.sub(r"[-_\s]+", " ", stem).strip()
    return words[:1].upper() + words[1:] or path.name


def _category_from(path: PurePosixPath) -> str:
    """The folder's name, for articles that name no category."""
    return _title_from(PurePosixPath(path.parts[0])) if len(path.parts) > 1 else ""


def _words(value: object) -> set[str]:
    """Of one value of front matter or a list of them, in small letters."""
    values = value if isinstance(value, list) else [value]
    return {str(each).strip().casefold() for each in values if isinstance(each, bool | str)}


def _string(value: object) -> str:
    """A scalar of front matter as one line; structures and nothing at all are ''."""
    if value is None or isinstance(value, bool | list | dict):
        return ""
    return " ".join(str(value).split())


def _moment(value: object, of_day: time) -> datetime | None:
    """A moment of front matter, in UTC where no zone is given; of a day alone its beginning or its end."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > _DAY_CHARS else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.combine(value, of_day, UTC) if isinstance(value, date) else None
