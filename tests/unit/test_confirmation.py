"""Thanks that end a conversation, told apart from thanks that do not."""

from __future__ import annotations

import pytest

from agent.text.confirmation import confirms_solution


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "That worked, thank you!",
        "It works now",
        "Great, thanks a lot!",
        "problem solved",
        "ok thx",
        "Cheers",
    ],
)
def test_a_solution_is_confirmed(text: str) -> None:
    assert confirms_solution(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks in advance",
        "Thanks, I'll try that",
        "ok thanks, let me check",
        "Thanks, will do",
        "Thanks, and how do I do that on mobile?",
        "thanks but it does not work",
        "No, thanks",
        "Does that help?",
        "ok",
        "bye",
        "hi",
        "",
    ],
)
def test_it_is_not(text: str) -> None:
    assert not confirms_solution(text)
