"""Attached files: what they are is found in their content, and their names are made safe."""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from channels.web_form.files import NAME_MAX, clean_name, find_media_type

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
KINDS = {
    "image/png": PNG,
    "image/jpeg": b"\xff\xd8\xff\xe0rest",
    "image/gif": b"GIF89a\x01",
    "image/webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "application/pdf": b"%PDF-1.7\n",
    "text/plain": "Grüße\tä\r\n".encode(),
}


@pytest.mark.parametrize("media_type", list(KINDS))
def test_kind_is_found_in_the_content(media_type: str) -> None:
    assert find_media_type(KINDS[media_type]) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"MZ\x90\x00",
        b"\x7fELF\x02",
        b"PK\x03\x04\x14\x00",
        b"\x1f\x8b\x08",
        b"RIFF\x00\x00\x00\x00WAVE",
        b"\xff\xfea\x00",
        b"text with \x00 in it",
        b"text with \x1b[31m in it",
        b"\xc3\x28",
        b" \x89PNG\r\n\x1a\n",
    ],
)
def test_other_content_is_refused(content: bytes) -> None:
    with pytest.raises(BadInput, match="file"):
        find_media_type(content)


def test_page_is_only_text() -> None:
    assert find_media_type(b"<script>alert(1)</script>") == "text/plain"


@pytest.mark.parametrize(
    ("name", "media_type", "clean"),
    [
        ("screen.png", "image/png", "screen.png"),
        ("photo.JPEG", "image/jpeg", "photo.JPEG"),
        ("page.html", "text/plain", "page.html.txt"),
        ("run.exe", "image/png", "run.exe.png"),
        ("../../etc/passwd", "text/plain", "passwd.txt"),
        ("C:\\temp\\a.log", "text/plain", "a.log"),
        ("", "application/pdf", "file.pdf"),
        ("...", "application/pdf", "file.pdf"),
        (".png", "image/png", "png.png"),
        ("a\r\nSet-Cookie: x.txt", "text/plain", "aSet-Cookie: x.txt"),
        ("gpj.\u202eexe.png", "image/png", "gpj.exe.png"),
        ("Übersicht – März.pdf", "application/pdf", "Übersicht – März.pdf"),
        ("تقرير.pdf", "application/pdf", "تقرير.pdf"),
    ],
)
def test_name_is_made_safe_and_ends_as_its_content(name: str, media_type: str, clean: str) -> None:
    assert clean_name(name, media_type) == clean


@pytest.mark.parametrize("ending", [".pdf", ".docx", ""])
def test_long_name_keeps_its_ending(ending: str) -> None:
    name = clean_name("x" * 500 + ending, "application/pdf")
    assert len(name) == NAME_MAX
    assert name.endswith(".pdf")
