"""Mails for the tests, built as clients build them. Invented people at reserved domains."""

from __future__ import annotations

from collections.abc import Sequence

CUSTOMER = "Ada Sample <ada@example.com>"
SUPPORT = "support@example.net"
QUESTION = "I cannot export my board.\nWhat can I do?"
ANSWER = "You can export it from the menu."


def mail(
    body: str,
    *headers: str,
    subject: str = "Re: Export",
    sender: str = CUSTOMER,
    content_type: str = "text/plain; charset=utf-8",
    reply: bool = True,
) -> bytes:
    """A mail of one part. A reply names the message that it answers."""
    fields = [
        f"From: {sender}",
        f"To: {SUPPORT}",
        f"Subject: {subject}",
        "Message-ID: <question.1@example.com>",
        *(
            ["In-Reply-To: <fte.first@example.net>", "References: <root@example.com> <fte.first@example.net>"]
            if reply
            else []
        ),
        "MIME-Version: 1.0",
        f"Content-Type: {content_type}",
        "Content-Transfer-Encoding: 8bit",
        *headers,
    ]
    return ("\r\n".join(fields) + "\r\n\r\n" + body.replace("\n", "\r\n")).encode()


def html(body: str, *headers: str, **options: object) -> bytes:
    """A mail of HTML alone."""
    return mail(body, *headers, content_type="text/html; charset=utf-8", **options)  # type: ignore[arg-type]


def multipart(
    kind: str, parts: Sequence[str | bytes], *headers: str, subject: str = "Export", extra: str = ""
) -> bytes:
    """A mail of several parts, each with its own headers and an empty line in it."""
    head = [
        f"From: {CUSTOMER}",
        f"To: {SUPPORT}",
        f"Subject: {subject}",
        "Message-ID: <question.2@example.com>",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/{kind}; boundary="edge"{extra}',
        *headers,
    ]
    raw = "\r\n".join(head).encode() + b"\r\n\r\nThis is a multi-part message in MIME format.\r\n"
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        raw += b"--edge\r\n" + content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + b"\r\n"
    return raw + b"--edge--\r\n"


def part(content_type: str, body: str, *headers: str) -> str:
    return "\n".join([f"Content-Type: {content_type}", *headers, "", body])
