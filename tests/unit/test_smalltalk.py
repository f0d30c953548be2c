"""Small talk and what is off topic, told apart from questions."""

from __future__ import annotations

import pytest

from agent.text.smalltalk import Remark, is_about_software, is_off_topic, is_vague, small_talk


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        ("hi", Remark.GREETING),
        ("Hello there!", Remark.GREETING),
        ("Good morning team", Remark.GREETING),
        ("hey, how are you?", Remark.GREETING),
        ("Thanks!", Remark.THANKS),
        ("thank you so much for your help 🙏", Remark.THANKS),
        ("Great, thanks a lot!", Remark.THANKS),
        ("ok thx", Remark.THANKS),
        ("That worked, thank you!", Remark.SOLVED),
        ("It works now", Remark.SOLVED),
        ("bye", Remark.GOODBYE),
        ("Have a nice day!", Remark.GOODBYE),
        ("ok", Remark.ACKNOWLEDGED),
        ("got it", Remark.ACKNOWLEDGED),
        ("👍", Remark.ACKNOWLEDGED),
        ("Are you a bot?", Remark.IDENTITY),
        ("am I talking to a real person or a robot?", Remark.IDENTITY),
        ("are you chatgpt?", Remark.IDENTITY),
        ("who made you", Remark.IDENTITY),
        ("Buenos días!", Remark.GREETING),
        ("are you there?", Remark.GREETING),
        ("Danke schön", Remark.THANKS),
        ("nice, that fixed it", Remark.SOLVED),
        ("have a nice weekend", Remark.GOODBYE),
        ("sorry, wrong chat", Remark.ACKNOWLEDGED),
    ],
)
def test_remarks_are_known(text: str, remark: Remark) -> None:
    assert small_talk(text) is remark


@pytest.mark.parametrize(
    "text",
    [
        "hi, how do I export a project?",
        "thanks but it does not work",
        "Thanks, and how do I do that on mobile?",
        "it works on my phone but not on the web",
        "ok so where is the button",
        "how do I say hello to my team with a comment",
        "good, but the calendar is wrong",
        "I love it but I want a refund",
        "???",
        "",
        "今日は",
        "my account is great broken",
        "wrong number on the invoice",
        "who made this task?",
    ],
)
def test_questions_are_not_small_talk(text: str) -> None:
    assert small_talk(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "What's the weather in Paris?",
        "Write me a poem about autumn",
        "who won the world cup",
        "tell me a joke",
        "Give me a recipe for pancakes",
    ],
)
def test_off_topic_is_known(text: str) -> None:
    assert is_off_topic(text)


@pytest.mark.parametrize(
    "text",
    [
        "How do I export a project?",
        "Can I track my restaurant's tasks on a board?",
        "Does the app work offline on a flight?",
        "I need a song of praise for your notifications",
        "Can I write a script against your API?",
    ],
)
def test_the_products_world_is_on_topic(text: str) -> None:
    assert not is_off_topic(text)


@pytest.mark.parametrize("text", ["help", "It doesn't work", "I have a problem", "something is wrong here", "???"])
def test_a_text_that_says_too_little_is_vague(text: str) -> None:
    assert is_vague(text)


@pytest.mark.parametrize("text", ["I can't log in", "export fails", "notifications do not arrive"])
def test_a_text_that_names_its_matter_is_not(text: str) -> None:
    assert not is_vague(text)


@pytest.mark.parametrize(
    "text",
    [
        "Which handheld barcode scanners have you certified for warehouse picking?",
        "Are you ISO certified?",
        "Do you integrate with our till?",
    ],
)
def test_what_is_asked_of_the_company_is_not_off_topic(text: str) -> None:
    assert is_about_software(text)
    assert not is_off_topic(text)
