"""A customer played by a model, against a server that speaks OpenAI's protocol and one that fails."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import openai
import pytest

from agent.errors import ModelAway
from models.conversations import ConversationCase, CustomerWrites, parse_conversations
from models.simulated_customer import ModelCustomer
from tests.unit.test_conversations import CASE

Answer = Callable[[httpx.Request], httpx.Response]


def says(text: str) -> httpx.Response:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return httpx.Response(
        200, json={"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    )


def make_customer(answer: Answer) -> ModelCustomer:
    client = openai.AsyncOpenAI(
        api_key="x",
        base_url="http://model.test/v1",
        max_retries=0,
        http_client=httpx.AsyncClient(transport=httpx.MockTransport(answer)),
    )
    case: ConversationCase = parse_conversations([json.dumps(CASE)])[0]
    return ModelCustomer(client, "m", case)


async def test_it_opens_as_the_script_and_goes_on_in_its_own_words() -> None:
    asked: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return says("And on mobile?" if len(asked) == 1 else "DONE")

    customer = make_customer(answer)
    assert await customer.next_step([]) == CustomerWrites(customer=("How do I export?",))
    assert asked == []
    said = [("customer", "How do I export?"), ("support", "Choose Export.")]
    assert await customer.next_step(said) == CustomerWrites(customer=("And on mobile?",))
    messages = asked[0]["messages"]
    assert isinstance(messages, list)
    assert [each["role"] for each in messages] == ["system", "assistant", "user"]
    assert "You want something." in messages[0]["content"]
    assert await customer.next_step(said) is None


async def test_it_goes_after_six_messages() -> None:
    customer = make_customer(lambda request: says("one more thing"))
    written = 0
    while await customer.next_step([("support", "Yes?")] if written else []) is not None:
        written += 1
    assert written == 6


@pytest.mark.parametrize("answer", [lambda _: httpx.Response(500), lambda _: httpx.Response(401, json={"error": {}})])
async def test_a_model_that_does_not_answer_is_said_to_be_away(answer: Answer) -> None:
    customer = make_customer(answer)
    with pytest.raises(ModelAway, match="does not answer"):
        await customer.next_step([("support", "Yes?")])
