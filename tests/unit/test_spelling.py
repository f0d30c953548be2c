"""Slips of the pen are mended, and other words left alone."""

from __future__ import annotations

import pytest

from agent.text.spelling import Spellings

KNOWN = Spellings(["velocity", "calendar", "attach", "password", "notification", "assign", "export", "timeline"])


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("sprint velosity where?", "sprint velocity where?"),
        ("My Calender is empty", "My calendar is empty"),
        ("atach a file", "attach a file"),
        ("reset pasword", "reset password"),
        ("reset passwrods", "reset passwords"),
        ("exporitng it", "exporting it"),
    ],
)
def test_a_slip_becomes_the_word_that_was_found(question: str, expected: str) -> None:
    assert KNOWN.mend(question) == expected


@pytest.mark.parametrize(
    "question", ["report a problem", "exporting notifications", "who attaches", "an expert", "work in exparations", ""]
)
def test_other_words_and_other_forms_of_known_ones_stay(question: str) -> None:
    assert KNOWN.mend(question) == question


def test_what_is_a_word_anyway_stays() -> None:
    assert KNOWN.mend("a new assigns list, and an asign") == "a new assigns list, and an assign"
    assert Spellings(["plans"]).mend("water the plants", {"plants"}.__contains__) == "water the plants"
    assert Spellings(["plans"]).mend("water the plants") == "water the plans"
    assert Spellings([]).mend("pasword") == "pasword"
    assert Spellings(["doesn"]).mend("it doesnt show") == "it doesnt show"


@pytest.mark.parametrize("question", ["shouldn't", "it's asign's", "x" * 10_000, "e-mial"])
def test_parts_of_words_and_endless_ones_stay(question: str) -> None:
    assert KNOWN.mend(question) == question
