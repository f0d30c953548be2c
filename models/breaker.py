"""Leaves a server alone that keeps failing, and finds out when it answers again. For one event loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.errors import ModelAway, ModelRefuses, ModelResting


class Breaker:
    """Closed, it lets every call through. After `failures` failed calls in a row it is open: no call for `rest_s`. Then
    it is half open: one call tries, and closes it or opens it again; the others wait for none of it and are refused."""

    def __init__(self, failures: int, rest_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._allowed = failures
        self._rest_s = rest_s
        self._clock = clock
        self._failed = 0
        self._open_until: float | None = None
        self._trying = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for one that tries."""
        return self._open_until is not None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around one call; a ModelAway is its failure, but for ModelRefuses, which like anything else that it raises is
        an answer of the server. One that is cancelled says nothing. Raises ModelResting instead of letting a call
        through."""
        tries = self._open_until is not None
        if self._open_until is not None:
            if self._trying or self._clock() < self._open_until:
                raise ModelResting("the language model failed too often and is left alone for a while")
            self._trying = True
        try:
            yield
        except ModelRefuses:
            self._close()
            raise
        except ModelAway:
            self._note_failure(tries)
            raise
        except Exception:
            self._close()
            raise
        else:
            self._close()
        finally:
            if tries:
                self._trying = False

    def _note_failure(self, tried: bool) -> None:
        self._failed += 1
        if tried or self._failed >= self._allowed:
            self._open_until = self._clock() + self._rest_s

    def _close(self) -> None:
        self._failed = 0
        self._open_until = None
