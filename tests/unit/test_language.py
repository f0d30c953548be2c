"""Which model the settings give, and how a server's failures become ours. No request leaves: the transport is fake."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import openai
import pytest
from agents import OpenAIChatCompletionsModel

from agent.errors import ModelAway
from agent.records import OutcomeKind, ReasonCode
from agent.turn.turn import run_turn
from models.language import RemoteModel, make_model
from models.offline import OfflineModel
from tests.unit.turn_fakes import context, services

ANSWER = {
    "message": "Open the project, select More > Export and choose CSV.",
    "kind": "answer",
    "articles": ["projects/export"],
}


def completion(message: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None, **message}}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


def calling(name: str, arguments: str) -> dict[str, Any]:
    return completion(
        {"tool_calls": [{"id": "t1", "type": "function", "function": {"name": name, "arguments": arguments}}]}
    )


class FakeServer:
    """Answers every request alike, and keeps what was sent."""

    def __init__(self, status: int = 200, body: Any = None, error: Exception | None = None) -> None:
        self.status = status
        self.body = body
        self.error = error
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        if isinstance(self.body, str):
            return httpx2.Response(self.status, text=self.body)
        return httpx2.Response(self.status, json=self.body)

    def model(self, *, official: bool = False) -> RemoteModel:
        client = openai.AsyncOpenAI(
            api_key="sk-not-a-key",
            base_url="http://model.test/v1",
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(self)),
        )
        return RemoteModel(OpenAIChatCompletionsModel("some-model", client), official=official)


def test_without_a_key_the_model_is_offline() -> None:
    assert isinstance(make_model(), OfflineModel)
    assert isinstance(make_model(api_key="", base_url="http://model.test/v1"), OfflineModel)


def test_with_a_key_the_model_is_the_servers() -> None:
    assert isinstance(make_model(api_key="sk-x", base_url="http://model.test/v1", name="m"), RemoteModel)


async def test_a_server_answers_a_turn_with_one_request_to_its_own_address() -> None:
    server = FakeServer(body=calling("send_response", json.dumps(ANSWER)))
    decision = await run_turn(context(), services(model=server.model()))
    assert decision.kind is OutcomeKind.REPLY
    assert [str(request.url) for request in server.requests] == ["http://model.test/v1/chat/completions"]
    sent = json.loads(server.requests[0].content)
    assert sent["tool_choice"] == "required"
    assert "store" not in sent
    roles = [message["role"] for message in sent["messages"]]
    assert roles[:2] == ["system", "user"]
    assert roles.count("tool") == 4


async def test_only_openais_own_server_is_told_not_to_store() -> None:
    server = FakeServer(body=calling("send_response", json.dumps(ANSWER)))
    await run_turn(context(), services(model=server.model(official=True)))
    assert json.loads(server.requests[0].content)["store"] is False


@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 429, 500, 502, 503])
async def test_a_server_that_cannot_answer_now_is_away(status: int) -> None:
    server = FakeServer(status, {"error": {"message": "the customer's words"}})
    with pytest.raises(ModelAway) as raised:
        await run_turn(context(), services(model=server.model()))
    assert "customer's words" not in str(raised.value)


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("slow")])
async def test_a_server_that_is_not_reached_is_away(error: Exception) -> None:
    with pytest.raises(ModelAway):
        await run_turn(context(), services(model=FakeServer(error=error).model()))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "bad request"}}),
        (422, {"error": {"message": "bad request"}}),
        (200, {}),
        (200, {"choices": []}),
        (200, "<html>proxy</html>"),
        (200, completion({"content": "Hello!"})),
        (200, completion({"content": None, "refusal": "I cannot do that."})),
        (200, calling("delete_everything", "{}")),
        (200, calling("send_response", "{not json")),
        (200, calling("send_response", '{"message": 1}')),
    ],
)
async def test_an_unusable_answer_ends_with_a_person(status: int, body: Any) -> None:
    decision = await run_turn(context(), services(model=FakeServer(status, body).model()))
    assert decision.escalation is not None
    assert decision.escalation.reason_code is ReasonCode.TOOL_FAILURE
