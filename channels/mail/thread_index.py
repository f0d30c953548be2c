"""Outlook's own thread header (MS-OXOMSG, 2.2.1.3): without it Outlook's conversation view may split a thread."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Final

_HEADER_BYTES: Final = 22
_CHILD_BYTES: Final = 5
_LONGEST_BYTES: Final = 400
_FILETIME_BEGINS: Final = datetime(1601, 1, 1, tzinfo=UTC)
_LONG: Final = 1 << 49
"""Ticks of 100 ns, about 1.7 years: a later child states its time in coarser steps."""


def continue_thread_index(received: str, sent_at: datetime) -> str:
    """The index of an answer to the mail that had `received`; empty where that is none, or is too long already."""
    try:
        index = base64.b64decode("".join(received.split()), validate=True)
    except (binascii.Error, ValueError):
        return ""
    if not _HEADER_BYTES <= len(index) <= _LONGEST_BYTES or (len(index) - _HEADER_BYTES) % _CHILD_BYTES:
        return ""
    begun = int.from_bytes(index[:6], "big") << 16
    now = int((sent_at - _FILETIME_BEGINS).total_seconds()) * 10_000_000
    passed = max(0, now - begun)
    block = passed >> 18 & 0x7FFFFFFF if passed < _LONG else (passed >> 23 & 0x7FFFFFFF) | 0x80000000
    return base64.b64encode(index + block.to_bytes(4, "big") + b"\x00").decode("ascii")
