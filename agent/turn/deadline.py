"""Until when the language model has time in the turn that runs: whoever waits for it must know what is left."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_DEADLINE: ContextVar[float | None] = ContextVar("model_deadline", default=None)


@contextmanager
def model_deadline(limit_s: float) -> Iterator[None]:
    """What runs inside has so many seconds from now."""
    token = _DEADLINE.set(asyncio.get_running_loop().time() + limit_s)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def seconds_left(otherwise: float) -> float:
    """Until the deadline, negative when it has passed; `otherwise` where none is set."""
    until = _DEADLINE.get()
    return otherwise if until is None else until - asyncio.get_running_loop().time()
