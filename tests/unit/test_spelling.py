"""Slips of the pen are mended, and other words left alone."""

from __future__ import annotations

import pytest

from models.spelling import mended

KNOWN = ["velocity", "calendar", "attach", "password", "notification", "assign", "export", "timeline"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("sprint velosity where?", "sprint velocity where?"),
        ("My Calender is empty", "My calendar is empty"),
        ("atach a file", "attach a file"),
        ("reset pasword", "reset password"),
    ],
)
def test_a_slip_becomes_the_word_that_was_found(question: str, expected: str) -> None:
    assert mended(question, KNOWN) == expected


@pytest.mark.parametrize("question", ["report a problem", "exporting notifications", "who attaches", "an expert", ""])
def test_other_words_and_other_forms_of_known_ones_stay(question: str) -> None:
    assert mended(question, KNOWN) == question
