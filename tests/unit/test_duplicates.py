"""What repeats a better passage comes last."""

from __future__ import annotations

from dataclasses import replace

from agent.knowledge.duplicates import distinct_first
from tests.unit.turn_fakes import EXPORT, PASSWORD

COPY = replace(EXPORT, slug="projects/export-v2", body=EXPORT.body.replace("You can", "You may", 1) + "\n")
OTHER_NUMBERS = replace(EXPORT, slug="projects/export-v3", body="Exports are made on the first day of each month.")


def test_a_passage_that_repeats_an_earlier_one_comes_behind_all_others() -> None:
    assert distinct_first([EXPORT, COPY, PASSWORD]) == [EXPORT, PASSWORD, COPY]


def test_passages_about_the_same_in_other_words_stay_where_they_are() -> None:
    assert distinct_first([EXPORT, OTHER_NUMBERS, PASSWORD]) == [EXPORT, OTHER_NUMBERS, PASSWORD]


def test_short_and_empty_texts_repeat_only_their_likes() -> None:
    short = [replace(EXPORT, slug=str(n), body=body) for n, body in enumerate(["Ask us.", "ask us.", "", "Ask them."])]
    assert [passage.slug for passage in distinct_first(short)] == ["0", "2", "3", "1"]
    assert distinct_first([]) == []


def test_part_of_a_longer_text_is_no_repetition() -> None:
    longer = replace(EXPORT, slug="long", body=EXPORT.body + " It holds all fields, and the comments in a second file.")
    assert distinct_first([EXPORT, longer]) == [EXPORT, longer]
    assert distinct_first([EXPORT, longer, PASSWORD])[1] == longer
