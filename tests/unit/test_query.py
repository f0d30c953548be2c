"""What is searched for, and which part of a long text is embedded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import Author
from agent.text.query import QUERY_TOKENS, conversation_query, fit_tokens, is_follow_up, matter
from tests.unit.turn_fakes import count_words, message


@pytest.mark.parametrize(
    "text",
    [
        "and on mobile?",
        "What about Android?",
        "on android?",
        "and for a whole team?",
        "How do I undo that?",
        "what happens to their tasks?",
        "Same for the calendar?",
    ],
)
def test_a_terse_text_is_a_follow_up(text: str) -> None:
    assert is_follow_up(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I export a project?",
        "How can I reset my password?",
        "And how do I set up the Slack integration for my second workspace?",
        "I cannot find the export button in the mobile app since it was updated",
    ],
)
def test_a_question_of_its_own_is_not(text: str) -> None:
    assert not is_follow_up(text)


def test_a_chain_of_follow_ups_leads_back_to_its_question() -> None:
    history = [
        message("How do I export a project?"),
        message("Like this.", author=Author.FTE),
        message("and on mobile?"),
        message("Like that.", author=Author.FTE),
    ]
    query = conversation_query([message("on android?")], history, count_words)
    assert query.newest == "on android?"
    assert query.search == "How do I export a project?\nand on mobile?\non android?"


def test_a_follow_up_with_nothing_before_it_stands_alone() -> None:
    query = conversation_query([message("and on mobile?")], [], count_words)
    assert query.search == query.newest == "and on mobile?"


def test_a_short_text_is_embedded_whole() -> None:
    assert fit_tokens("How do I\nexport?", count_words) == "How do I\nexport?"


def test_of_a_long_text_what_asks_comes_first_then_the_newest() -> None:
    filler = [f"Background number {n} is told here at some length for no reason." for n in range(40)]
    text = " ".join([*filler[:20], "How do I export a project?", *filler[20:], "Kind regards from all of us."])
    chosen = fit_tokens(text, count_words)
    assert count_words(chosen) <= QUERY_TOKENS
    assert "How do I export a project?" in chosen
    assert "Kind regards" in chosen
    assert "number 39" in chosen
    assert "number 0 " not in chosen
    assert chosen.index("export a project") < chosen.index("number 39"), "what was chosen keeps its order"


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=3000), st.integers(min_value=8, max_value=QUERY_TOKENS))
def test_no_text_is_over_the_limit_and_a_text_that_says_something_keeps_something(text: str, limit: int) -> None:
    def count(part: str) -> int:  # a harsh tokenizer: three characters a token, and two special ones
        return len(part) // 3 + 2

    chosen = fit_tokens(text, count, limit)
    assert count(chosen) <= limit
    assert bool(chosen.strip()) >= (len(text.strip()) > limit)


STORY = "We are a bakery of nine. Each order is a card. My partner types the same tasks every week."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dear team, how do I export a project? Kind regards, Ana", "how do I export a project?"),
        ("Thanks for the help! How do I export a project?", "How do I export a project?"),
        ("I have a problem. The export stops halfway.", "The export stops halfway."),
        ("How do I export a project?", "How do I export a project?"),
        ("Hello there", "Hello there"),
        ("Thanks, Ana", "Thanks, Ana"),
        ("My export is empty. Why?", "My export is empty. Why?"),
        (f"{STORY} How can I save a board as a template?", "How can I save a board as a template?"),
        (f"{STORY} How can I do that with a board?", f"{STORY} How can I do that with a board?"),
        (f"{STORY} Any hints?", f"{STORY} Any hints?"),
        (f"{STORY} Can I export a list? Where are my labels?", f"{STORY} Can I export a list? Where are my labels?"),
    ],
)
def test_the_matter_is_searched_for_without_the_talk_around_it(text: str, expected: str) -> None:
    assert matter(text) == expected
    query = conversation_query([message(text)], [], count_words)
    assert (query.newest, query.search) == (text, expected)


@given(st.text(max_size=300))
def test_of_any_text_something_is_searched_for(text: str) -> None:
    assert bool(matter(text).strip()) == bool(text.strip())
