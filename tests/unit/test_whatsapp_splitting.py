"""Long texts in parts: nothing is lost, nothing is over the limit, and a reader is not cut off in mid-sentence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.whatsapp.splitting import PART_MAX, split_text, to_parts, units

PROSE = st.text(st.sampled_from("ab .!?\n。😀é\u0301\u200d\t"), min_size=1, max_size=400).filter(str.strip)
ANYTHING = st.text(min_size=1, max_size=400).filter(str.strip)


@given(text=PROSE | ANYTHING, limit=st.integers(12, 60))
def test_the_pieces_together_are_the_text(text: str, limit: int) -> None:
    whole = text.strip()
    assert "".join(split_text(whole, limit)) == whole


@given(text=PROSE | ANYTHING, limit=st.integers(24, 90))
def test_every_part_is_within_the_limit_and_none_is_blank(text: str, limit: int) -> None:
    parts = to_parts(text, limit)
    assert all(units(part) <= limit for part in parts)
    assert all(re.sub(r"^\(\d+/\d+\) ", "", part).strip() for part in parts)


@given(
    text=st.text(st.characters(min_codepoint=0x1F300, max_codepoint=0x1F5FF), min_size=PART_MAX // 2 + 1, max_size=2000)
)
def test_characters_that_count_twice_count_twice(text: str) -> None:
    assert len(to_parts(text)) > 1
    assert all(len(part.encode("utf-16-le")) // 2 <= PART_MAX for part in to_parts(text))


@given(words=st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=40, max_size=120))
def test_text_with_sentences_is_divided_at_their_ends_only(words: list[str]) -> None:
    text = " ".join(f"{word}." if number % 4 == 3 else word for number, word in enumerate(words)) + "."
    for piece in split_text(text, 90)[:-1]:
        assert piece.rstrip().endswith(".")


def test_parts_are_numbered_and_a_short_text_is_not() -> None:
    assert to_parts("  All is well.  ") == ("All is well.",)
    parts = to_parts("One sentence is here. " * 200)
    assert [part[:6] for part in parts] == [f"({n}/{len(parts)}) " for n in range(1, len(parts) + 1)]
    assert all(part.endswith("here.") for part in parts)


def test_a_text_of_exactly_the_limit_stays_whole() -> None:
    assert len(to_parts("x" * PART_MAX)) == 1
    assert len(to_parts("x" * (PART_MAX + 1))) == 2


@pytest.mark.parametrize("drawn", ["e\u0301", "\u2764\ufe0f", "\U0001f468\u200d\U0001f469\u200d\U0001f467"])
def test_what_is_drawn_as_one_character_stays_one(drawn: str) -> None:
    for piece in split_text(drawn * 40, 19):
        assert piece.replace(drawn, "") == ""
