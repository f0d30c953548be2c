"""winmail.dat: what Outlook wraps a mail in when it sends rich text (MS-OXTNEF)."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenedTnef:
    text: str
    html: str
    attachments: tuple[tuple[str, bytes], ...]


def read_tnef(content: bytes) -> OpenedTnef | None:
    """What is inside, or None for what cannot be opened. Never raises."""
    from tnefparse import TNEF

    logging.getLogger("tnef-decode").setLevel(logging.CRITICAL)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            opened = TNEF(content)
            text, html = _as_text(opened.body), _as_text(opened.htmlbody)
            attachments = tuple((_as_text(item.long_filename()), bytes(item.data)) for item in opened.attachments)
        except Exception:  # the library trusts its input: any fault of the bytes ends in any error
            return None
    return OpenedTnef(text, html, attachments) if text or html or attachments else None


def _as_text(value: object) -> str:
    from channels.mail.charsets import decode_text

    if isinstance(value, (list, tuple)):
        return "".join(_as_text(item) for item in value)
    if isinstance(value, bytes):
        return decode_text(value.rstrip(b"\0"))
    return str(value or "").rstrip("\0")
