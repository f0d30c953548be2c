"""What an invitation says, where its mail has no other text."""

from __future__ import annotations

import re
from typing import Final

_SHOWN: Final = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "DESCRIPTION")
_FOLD: Final = re.compile(r"\r?\n[ \t]")
_EVENT: Final = re.compile(r"BEGIN:VEVENT(.*?)(?:END:VEVENT|\Z)", re.IGNORECASE | re.DOTALL)


def invitation_text(calendar: str) -> str:
    """The first event's title, times, place and description, a line each (RFC 5545)."""
    found_event = _EVENT.search(_FOLD.sub("", calendar))
    event = found_event[1] if found_event else ""
    lines = []
    for name in _SHOWN:
        found = re.search(rf"^{name}(?:;[^:\r\n]*)?:([^\r\n]*)", event, re.MULTILINE | re.IGNORECASE)
        if found and found[1].strip():
            lines.append(re.sub(r"\\([\\;,])", r"\1", re.sub(r"\\[nN]", "\n", found[1])).strip())
    return "\n".join(lines)
