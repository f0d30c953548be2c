"""What is odd about a request of the form. It never refuses one: whatever has a reason waits for a person's word."""

from __future__ import annotations

import re

from agent.records import Suspicion
from channels.web_form.submission import FormRequest

MIN_FILL_MS = 3_000
_LINK = re.compile(r"https?://|www\.|\[url|<a\s", re.IGNORECASE)


def suspicions_of(request: FormRequest) -> tuple[Suspicion, ...]:
    """Signs of a program that fills in forms.

    A filled hidden field is one by itself. A fast hand is not: a password manager, a page that fills the form in for
    its signed-in customers and a pasted question are honest, so only a fast request that advertises a link waits.
    The time is how long the form was open by the browser's monotonic clock, which no clock set wrongly can change;
    whoever sends none, as scripts that use the interface openly do, is not judged by it.
    """
    found = []
    if request.website:
        found.append(Suspicion.HIDDEN_FIELD)
    fast = request.elapsed_ms is not None and request.elapsed_ms < MIN_FILL_MS
    if fast and _LINK.search(f"{request.name}\n{request.subject}\n{request.message}"):
        found.append(Suspicion.TOO_FAST)
    return tuple(found)
