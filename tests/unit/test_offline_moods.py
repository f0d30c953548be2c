"""Thanks at length and outbursts are told from what asks for something."""

from __future__ import annotations

import pytest

from models.offline_moods import is_feeling, is_gratitude


@pytest.mark.parametrize(
    "text",
    [
        "Thanks a million, your steps were perfect and the whole crew is glad.",
        "I am grateful for your patience. Excellent explanation. Enjoy your weekend!",
        "Thank you, you saved my day.",
        "Lovely, that is all I wanted. Cheers!",
        "Dear team,\n\nthanks a lot for the quick help. All works well again.\n\nKind regards,\nOla",
        "No question today, I just wanted to say that the new calendar is wonderful.",
    ],
)
def test_thanks_at_length_are_thanks(text: str) -> None:
    assert is_gratitude(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, the steps were perfect. How do I share the board?",
        "Thank you. The export is missing half of the tasks.",
        "Thanks for the great help, but the second step fails.",
        "It would be great if lists had icons. Thanks for considering it!",
        "Great product, thanks. I use Firefox on a Mac.",
        "I'd appreciate a call.",
        "What a wonderful board!",
        "I just wanted to say that the new calendar is wrong.",
    ],
)
def test_thanks_beside_a_matter_are_not_all(text: str) -> None:
    assert not is_gratitude(text)


@pytest.mark.parametrize(
    ("word", "feeling"), [("ridiculous", True), ("love", True), ("export", False), ("slow", False)]
)
def test_a_word_of_feeling_is_none_of_the_matter(word: str, feeling: bool) -> None:
    assert is_feeling(word) is feeling
