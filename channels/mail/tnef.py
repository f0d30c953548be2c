"""winmail.dat: what Outlook wraps a mail in when it sends rich text (MS-OXTNEF)."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from dataclasses import dataclass
from typing import Any, Final

# Compressed, without the attachments beside it; unpacked it is at most nine times as much. Nobody types that.
_LONGEST_RTF: Final = 300_000
_BLANK_LINES: Final = re.compile(r"\n{3,}")


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
            attachments = tuple((_as_text(item.long_filename()), bytes(item.data)) for item in opened.attachments)
            text, html = _as_text(opened.body), _as_text(opened.htmlbody)
            if not (text or html) and len(content) - sum(len(data) for _, data in attachments) <= _LONGEST_RTF:
                text = _text_of_rtf(opened)
        except Exception:  # the library trusts its input: any fault of the bytes ends in any error
            return None
    return OpenedTnef(text, html, attachments) if text or html or attachments else None


def _text_of_rtf(opened: Any) -> str:
    """The words of the rich text, where that is all there is; empty when it cannot be read. Files are read anyway."""
    from striprtf.striprtf import rtf_to_text

    try:
        rtf = opened.rtfbody
        text = "" if rtf is None else rtf_to_text(rtf.decode("cp1252", errors="replace"), errors="replace")
    except Exception:  # as above
        return ""
    return _BLANK_LINES.sub("\n\n", text.replace("\xa0", " ")).strip()


def _as_text(value: object) -> str:
    from channels.mail.charsets import decode_text

    if isinstance(value, (list, tuple)):
        return "".join(_as_text(item) for item in value)
    if isinstance(value, bytes):
        return decode_text(value.rstrip(b"\0"))
    return str(value or "").rstrip("\0")
