"""What an invitation says, where its mail has no other text."""

from __future__ import annotations

import re
from typing import Final

_SHOWN: Final = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION")
_FOLD: Final = re.compile(r"\r?\n[ \t]")


def invitation_text(calendar: str) -> str:
    """The first event's title, times, place and description, a line each (RFC 5545)."""
    event = _FOLD.sub("", calendar).partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    lines = []
    for name in _SHOWN:
        found = re.search(rf"^{name}(?:;[^:\r\n]*)?:([^\r\n]*)", event, re.MULTILINE)
        if found and found[1].strip():
            lines.append(re.sub(r"\\([\\;,])", r"\1", re.sub(r"\\[nN]", "\n", found[1])).strip())
    return "\n".join(lines)
