"""Files that customers attach: which kinds are taken, found in their content and never believed from a name."""

from __future__ import annotations

import re
import unicodedata

from agent.errors import BadInput

FILE_MAX_BYTES = 5 * 1024 * 1024
FILES_MAX = 5
TOTAL_MAX_BYTES = 10 * 1024 * 1024
"""Of one conversation together."""
NAME_MAX = 120
# The first bytes of each kind: PNG (RFC 2083, 3.1), JPEG (SOI and a marker), GIF, PDF (ISO 32000, 7.5.2).
_STARTS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_ENDINGS = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
}
_ALSO = {"image/jpeg": (".jpeg",), "text/plain": (".log", ".csv", ".md", ".json")}
_FORBIDDEN_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

ACCEPTED = [*_ENDINGS.values(), *(each for more in _ALSO.values() for each in more)]
"""The endings that a file chooser should offer."""


def find_media_type(content: bytes) -> str:
    """What the content is: an image, a PDF or UTF-8 text. Raises BadInput for anything else."""
    for start, media_type in _STARTS.items():
        if content.startswith(start):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "\0"
    if not content or _FORBIDDEN_IN_TEXT.search(text):
        raise BadInput("file", "must be an image (PNG, JPEG, GIF, WebP), a PDF or a text, and not be empty")
    return "text/plain"


def clean_name(name: str, media_type: str) -> str:
    """A name that is safe to save under: no folders, no control or direction characters, the content's ending."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(each for each in last if unicodedata.category(each)[0] != "C").strip(" .")
    endings = (_ENDINGS[media_type], *_ALSO.get(media_type, ()))
    if kept.lower().endswith(endings):
        stem, dot, ending = kept.rpartition(".")
        return f"{stem[: NAME_MAX - len(ending) - 1] or 'file'}{dot}{ending}"
    return f"{kept[: NAME_MAX - len(endings[0])] or 'file'}{endings[0]}"
