"""Wrong keys are counted by sender within a window, and what is kept is bounded."""

from __future__ import annotations

import pytest

from deployments.web import key_guesses
from deployments.web.key_guesses import KeyGuesses, TooManyGuesses


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def is_refused(guesses: KeyGuesses, sender: bytes | None) -> bool:
    try:
        guesses.check(sender)
    except TooManyGuesses:
        return True
    return False


@pytest.mark.parametrize("sender", [b"one", None])
def test_the_oldest_wrong_key_leaves_the_window_first(sender: bytes | None) -> None:
    clock = Clock()
    guesses = KeyGuesses(per_sender=2, of_unknown=2, window_s=60, clock=clock)
    guesses.record(sender)
    clock.now = 30
    assert not is_refused(guesses, sender)
    guesses.record(sender)
    assert is_refused(guesses, sender)
    assert not is_refused(guesses, b"other")
    clock.now = 61
    assert not is_refused(guesses, sender)
    guesses.record(sender)
    assert is_refused(guesses, sender)


def test_no_more_senders_are_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_guesses, "_SENDERS_MAX", 2)
    guesses = KeyGuesses(per_sender=1)
    for sender in (b"a", b"b", b"c"):
        guesses.record(sender)
    assert [is_refused(guesses, sender) for sender in (b"a", b"b", b"c")] == [False, True, True]
