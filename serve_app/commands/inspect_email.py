"""`fte inspect-email`: what the system makes of mails, from their files, without storing or answering anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.errors import FteError

if TYPE_CHECKING:
    from channels.mail.records import ReadMail

_LINE_ENDS_OF_JSON = {0x85: "\\u0085", 0x2028: "\\u2028", 0x2029: "\\u2029"}
"""What some readers take for the end of a line, JSON does not."""


def register(app: typer.Typer) -> None:
    app.command("inspect-email")(inspect_email)


def inspect_email(
    files: Annotated[list[str], typer.Argument(help="Mails as they were received (.eml). `-` is standard input.")],
    own: Annotated[
        list[str],
        typer.Option(
            help="A mailbox that the FTE answers from; FTE_GMAIL_MAILBOX where none is named. May be repeated."
        ),
    ] = [],  # noqa: B006 - typer copies it
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines, as always.")] = True,
) -> None:
    """Print one JSON line per mail: sender, new words, whether it is automatic or a bounce, thread, attachments.

    A file that cannot be read is named on standard error; the others are printed, and the exit status is 1.
    """
    from channels.mail.reading import read_mail

    own_addresses = frozenset(own) or _configured_mailbox()
    unreadable = 0
    for file in files:
        try:
            raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        except (OSError, ValueError) as error:
            unreadable += 1
            reason = getattr(error, "strerror", None) or error
            typer.echo(f"fte: {file}: cannot be read: {reason}", err=True)
            continue
        line = json.dumps(_as_record(file, read_mail(raw, own_addresses)), ensure_ascii=False)
        typer.echo(f"{line.translate(_LINE_ENDS_OF_JSON)}\n".encode("utf-8", errors="replace"), nl=False)
    if unreadable:
        raise typer.Exit(1)


def _configured_mailbox() -> frozenset[str]:
    """None where the settings are wrong: that keeps nobody from looking at a mail, and other commands say what is."""
    from serve_app.settings import load_settings

    try:
        mailbox = load_settings().gmail_mailbox
    except FteError:
        return frozenset()
    return frozenset({mailbox} if mailbox else ())


def _as_record(file: str, mail: ReadMail) -> dict[str, Any]:
    return {
        "file": file,
        "from": mail.sender.address,
        "subject": mail.subject,
        "text": mail.text,
        "quoted_removed": mail.quoted_removed,
        "automatic": mail.automatic,
        "automatic_reason": mail.automatic_reason or None,
        "bounce": mail.bounce,
        "bounced_recipient": mail.bounced_recipient if mail.bounce else None,
        "message_id": mail.message_id or None,
        "references": list(mail.references),
        "attachments": [attachment.name for attachment in mail.attachments],
    }
