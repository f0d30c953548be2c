"""Files that are served as they are."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request, Response

_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """`etag` changes with the content."""

    content: bytes
    media_type: str
    etag: str


def load_folder(folder: Path) -> dict[str, StaticFile]:
    """The files of a folder and of those in it, by their path from it; others than a page is made of are left out."""
    return {
        path.relative_to(folder).as_posix(): _load(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _MEDIA_TYPES
    }


def answer_file(request: Request, file: StaticFile, headers: Mapping[str, str]) -> Response:
    """The file, or 304 when the browser has this version; it asks each time, so a new version shows at once."""
    headers = {"ETag": file.etag, "Cache-Control": "no-cache", **headers}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


def _load(path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(content, _MEDIA_TYPES[path.suffix], f'"{hashlib.sha256(content).hexdigest()[:20]}"')
