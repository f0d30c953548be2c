"""What is odd about a request of the form. It never refuses one: whatever has a reason waits for a person's word."""

from __future__ import annotations

import re

from agent.records import Suspicion
from channels.web_form.submission import FormRequest

MIN_FILL_MS = 3_000
_ADDRESS = re.compile(r"\b(?:https?://|www\.)", re.IGNORECASE)
_LINK_MARKUP = re.compile(r"\[url\b|<a\s", re.IGNORECASE)


def suspicions_of(request: FormRequest) -> tuple[Suspicion, ...]:
    """Signs of a program that fills in forms.

    A filled hidden field is one by itself. A fast hand is not: a password manager, a page that fills the form in for
    its signed-in customers and a pasted question are honest, and so is the one address of what went wrong. Only a fast
    request with several addresses, or with markup for links, waits.
    The time is how long the form was open by the browser's monotonic clock, which no clock set wrongly can change;
    whoever sends none, as scripts that use the interface openly do, is not judged by it.
    """
    found = []
    if request.website:
        found.append(Suspicion.HIDDEN_FIELD)
    fast = request.elapsed_ms is not None and request.elapsed_ms < MIN_FILL_MS
    if fast and _advertises(f"{request.name}\n{request.subject}\n{request.message}"):
        found.append(Suspicion.TOO_FAST)
    return tuple(found)


def _advertises(text: str) -> bool:
    return len(_ADDRESS.findall(text)) > 1 or _LINK_MARKUP.search(text) is not None
