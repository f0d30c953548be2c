"""Questions whose right articles are known, and the figures of what a search found."""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from models.retrieval import parse_questions, score_retrieval


def test_ranks_become_figures() -> None:
    questions = parse_questions(
        f'{{"id": {number}, "query": "q", "articles": ["right", "also"]}}' for number in range(4)
    )
    others = [f"other-{place}" for place in range(9)]
    found = [["right"], [*others[:3], "also", "right"], [*others[:5], "right"], []]
    figures = score_retrieval(questions, found)
    assert figures.as_record() == {
        "questions": 4, "hit_at_1": 0.25, "hit_at_5": 0.5, "mrr": round((1 + 1 / 4 + 1 / 6) / 4, 4),
    }  # fmt: skip


def test_below_the_tenth_a_rank_counts_nothing() -> None:
    questions = parse_questions(['{"id": "a", "query": "q", "articles": ["right"]}', ""])
    assert score_retrieval(questions, [[*map(str, range(10)), "right"]]).mrr == 0


def test_nothing_to_score_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no question"):
        score_retrieval([], [])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nonsense", "line 2"),
        ('{"id": "a", "query": "q"}', "line 2: articles"),
        ('{"id": "a", "query": "q", "articles": []}', "line 2: articles"),
        ('{"id": "a", "query": "", "articles": ["x"]}', "line 2: query"),
        ("[]", "line 2"),
    ],
)
def test_a_line_that_is_no_question_is_named(line: str, problem: str) -> None:
    with pytest.raises(BadInput) as error:
        parse_questions(['{"id": 1, "query": "q", "articles": ["x"]}', line])
    assert problem in str(error.value)
