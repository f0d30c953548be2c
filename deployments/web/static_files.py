"""Files that are served as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fastapi import Request, Response

from channels.web_form.form_page import CONTENT_SECURITY_POLICY
from channels.web_form.form_texts import choose_language

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """`etag` changes with the content."""

    content: bytes
    media_type: str
    etag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Self:
        return cls(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:20]}"')


def load_folder(folder: Path) -> dict[str, StaticFile]:
    """The files of a folder and of those in it, by their path from it; others than a page is made of are left out."""
    return {
        path.relative_to(folder).as_posix(): StaticFile.of(path.read_bytes(), _MEDIA_TYPES[path.suffix])
        for path in sorted(folder.rglob("*"))
        if path.suffix in _MEDIA_TYPES
    }


def answer_page(request: Request, pages: Mapping[str, StaticFile], lang: str) -> Response:
    """The page in the language of `lang`, or else of the browser."""
    language = choose_language(lang, request.headers.get("accept-language", ""), pages)
    headers = {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Content-Language": language,
        "Vary": "Accept-Language",
    }
    return answer_file(request, pages[language], headers)


def answer_file(request: Request, file: StaticFile, headers: Mapping[str, str] = _NO_HEADERS) -> Response:
    """The file, or 304 when the browser has this version; it asks each time, so a new version shows at once."""
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", **headers}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)
