"""Customers' words to the articles' words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.errors import ConfigurationInvalid
from agent.ports import Embeddings
from agent.text.synonyms import Synonyms, blend
from serve_app.settings import CHECKOUT

SYNONYMS = Synonyms((("task", "ticket", "work item", "story"), ("label", "tag", "category")))
IN_CHUNKS = {"task": 40, "ticket": 2, "label": 10, "tag": 9, "category": 0}


@pytest.mark.parametrize(
    ("text", "reworded"),
    [
        ("close a ticket", "close a task"),
        ("Tickets, TICKETS!", "tasks, tasks!"),
        ("two work items and stories", "two tasks and tasks"),
        ("what is a task", "what is a task"),
        ("my categories", "my labels"),
        ("is a tag enough", "is a tag enough"),
        ("ticketing, sub-ticket, stage", "ticketing, sub-ticket, stage"),
        ("", ""),
    ],
)
def test_a_word_gives_way_to_the_one_that_the_articles_use_far_more(text: str, reworded: str) -> None:
    assert SYNONYMS.reword(text, IN_CHUNKS) == reworded


def test_plurals_are_made_as_english_makes_them() -> None:
    assert SYNONYMS.reword("tags", {"category": 5}) == "categories"


def test_words_that_no_article_uses_stay() -> None:
    assert SYNONYMS.reword("tickets", {}) == "tickets"
    assert SYNONYMS.reword("tickets", {"task": 2}) == "tickets"
    assert Synonyms().reword("tickets", IN_CHUNKS) == "tickets"


def test_the_blend_is_one_unit_row_between_the_rows() -> None:
    row = blend(Embeddings("m", np.array([[1, 0], [0, 1]], dtype=np.float32)))
    assert row.model_id == "m"
    assert row.vectors.dtype == np.float32
    assert row.vectors == pytest.approx(np.array([[0.5**0.5, 0.5**0.5]]))
    same = blend(Embeddings("m", np.array([[0.6, 0.8]], dtype=np.float32)))
    assert same.vectors == pytest.approx(np.array([[0.6, 0.8]]))


def test_the_shipped_groups_are_in_order_and_a_missing_file_is_none() -> None:
    shipped = Synonyms.load(CHECKOUT / "knowledge" / "synonyms.yaml")
    assert shipped.reword("delete my tickets", {"task": 9, "remove": 9}) == "remove my tasks"
    assert Synonyms.load(CHECKOUT / "knowledge" / "no such file.yaml") == Synonyms()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("words: []", "must say `groups:`"),
        ("groups: [task]", "group 1"),
        ("groups: [[task]]", "at least two"),
        ("groups: [[task, Ticket]]", "'Ticket'"),
        ("groups: [[task, 7]]", "7"),
        ("groups: [[task, ticket], [job, task]]", "'task' stands twice"),
        ("groups: [", "cannot be read as YAML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "synonyms.yaml"
    file.write_text(content)
    with pytest.raises(ConfigurationInvalid, match=problem):
        Synonyms.load(file)
