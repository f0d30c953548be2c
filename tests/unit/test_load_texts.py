"""Messages have exactly the stated number of tokens; command lines get the label of their process."""

from __future__ import annotations

import pytest

from load.processes import Usage, cpu_between, label_of
from load.stub_model import completion, decide
from load.texts import QUESTIONS, messages_of
from models.tokens import load_token_counter


@pytest.mark.parametrize("tokens", [14, 20, 80, 200])
def test_messages_have_the_stated_length_and_begin_with_a_question(tokens: int) -> None:
    count_tokens = load_token_counter("all-MiniLM-L6-v2")
    messages = messages_of(tokens, 30, count_tokens, seed=3)
    assert {count_tokens(message) for message in messages} == {tokens}
    assert all(message.startswith(QUESTIONS) for message in messages)
    assert len(set(messages)) > 3


def test_no_question_fits_a_few_tokens() -> None:
    with pytest.raises(ValueError, match="5 tokens"):
        messages_of(5, 1, load_token_counter("all-MiniLM-L6-v2"), seed=3)


@pytest.mark.parametrize(
    ("command_line", "label"),
    [
        ("ray::ServeReplica:fte:Agent.turn", "replica Agent"),
        ("ray::ServeReplica:fte:Ingress", "replica Ingress"),
        ("ray::ServeController.listen_for_change", "Ray ServeController"),
        ("/x/ray/core/src/ray/gcs/gcs_server --log_dir=/tmp", "Ray gcs_server"),
        ("/usr/bin/python -m serve_app up", "supervisor (fte up)"),
        ("/usr/bin/strange --flag", "strange"),
        ("", "unnamed"),
    ],
)
def test_a_process_is_labelled_by_its_command_line(command_line: str, label: str) -> None:
    assert label_of(command_line) == label


def test_cpu_between_two_looks_is_by_label_and_never_negative() -> None:
    before = {"a": Usage(cpu_s=1.0), "b": Usage(cpu_s=5.0)}
    after = {"a": Usage(cpu_s=1.5), "b": Usage(cpu_s=4.0), "c": Usage(cpu_s=2.0)}
    assert cpu_between(before, after) == {"c": 2.0, "a": 0.5, "b": 0.0}


def test_the_stub_model_quotes_the_first_article_of_the_last_search() -> None:
    messages = [
        {"role": "user", "content": "How do I invite?"},
        {"role": "tool", "content": '{"score": 0.1}'},
        {"role": "tool", "content": '{"passages": [{"article": "teams/invite", "text": "# Invite\\nOpen Members."}]}'},
    ]
    name, arguments = decide(messages)
    assert name == "send_response"
    assert arguments == {"message": "Open Members.", "kind": "answer", "articles": ["teams/invite"]}
    call = completion({"messages": messages})["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "send_response"


def test_the_stub_model_hands_over_when_nothing_was_found() -> None:
    assert decide([{"role": "tool", "content": "no json"}])[0] == "escalate_to_human"
