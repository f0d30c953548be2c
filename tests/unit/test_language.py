"""Which model the settings give, what it sends, and how a server's failures become ours. No request leaves here: the
transport is fake. tests/integration/test_language_model.py has the same on real sockets."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import Sequence
from typing import Any

import httpx2
import openai
import pytest
from agents import OpenAIChatCompletionsModel, OpenAIResponsesModel
from agents.model_settings import ModelSettings

from agent.errors import ModelAway, ModelMisbehaved, ModelRefuses, ModelResting
from agent.records import OutcomeKind
from agent.times import Times
from agent.turn.deadline import model_deadline
from agent.turn.turn import run_turn
from models.breaker import Breaker
from models.language import ModelApi, make_model
from models.offline import OfflineModel
from models.remote_model import RemoteModel
from tests.unit.turn_fakes import context, services

ANSWER = {
    "message": "Open the project, select More > Export and choose CSV.",
    "kind": "answer",
    "articles": ["projects/export"],
}
QUICK = Times(model_backoff_s=0.001, model_timeout_s=600)
ONCE = Times(model_retries=0, model_timeout_s=600)


def calling(name: str, arguments: str) -> dict[str, Any]:
    call = {"id": "t1", "type": "function", "function": {"name": name, "arguments": arguments}}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "tool_calls": [call]}}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


GOOD = calling("send_response", json.dumps(ANSWER))


class FakeServer:
    """The n-th request gets the n-th status, the last repeats; 200 comes with `GOOD`, others with the error `says`.
    Keeps what was sent."""

    def __init__(
        self,
        *statuses: int,
        headers: dict[str, str] | None = None,
        error: Exception | None = None,
        says: dict[str, Any] | None = None,
    ) -> None:
        self.statuses: Sequence[int] = statuses or (200,)
        self.headers = headers or {}
        self.error = error
        self.says = {"message": "the customer's words", **(says or {})}
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        status = self.statuses[min(len(self.requests), len(self.statuses)) - 1]
        body = GOOD if status == 200 else {"error": self.says}
        return httpx2.Response(status, json=body, headers=self.headers)

    def model(self, times: Times = QUICK, breaker: Breaker | None = None) -> RemoteModel:
        client = openai.AsyncOpenAI(
            api_key="sk-not-a-key",
            base_url="http://model.test/v1",
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(self)),
        )
        return RemoteModel(OpenAIChatCompletionsModel("some-model", client), ModelSettings(), times, breaker)


async def ask(model: RemoteModel) -> Any:
    from agents.models.interface import ModelTracing

    return await model.get_response(None, "hello", ModelSettings(), [], None, [], ModelTracing.DISABLED)


def test_without_a_key_the_model_is_offline() -> None:
    assert isinstance(make_model(), OfflineModel)
    assert isinstance(make_model(api_key="", base_url="http://model.test/v1"), OfflineModel)


@pytest.mark.parametrize(
    ("base_url", "api", "expected"),
    [
        ("", ModelApi.AUTO, OpenAIResponsesModel),
        ("https://api.openai.com/v1", ModelApi.AUTO, OpenAIResponsesModel),
        ("http://model.test/v1", ModelApi.AUTO, OpenAIChatCompletionsModel),
        ("http://model.test/v1", ModelApi.RESPONSES, OpenAIResponsesModel),
        ("", ModelApi.CHAT_COMPLETIONS, OpenAIChatCompletionsModel),
    ],
)
def test_the_interface_is_chosen_by_the_server_unless_it_is_set(base_url: str, api: ModelApi, expected: type) -> None:
    model = make_model(api_key="sk-x", base_url=base_url, name="m", api=api)
    assert isinstance(model, RemoteModel)
    assert isinstance(model._inner, expected)


def test_only_openais_own_server_is_told_not_to_store() -> None:
    official = make_model(api_key="sk-x")
    other = make_model(api_key="sk-x", base_url="http://model.test/v1")
    assert isinstance(official, RemoteModel)
    assert isinstance(other, RemoteModel)
    assert official._settings.store is False
    assert other._settings.store is None


def test_the_output_is_bounded_by_the_name_that_each_interface_takes() -> None:
    bounded = {
        (base_url, api): make_model(api_key="sk-x", base_url=base_url, api=api, max_output_tokens=77)
        for base_url, api in (
            ("", ModelApi.CHAT_COMPLETIONS),
            ("", ModelApi.RESPONSES),
            ("http://m.test/v1", ModelApi.AUTO),
        )
    }
    found = [(m._settings.max_tokens, m._settings.extra_args) for m in bounded.values()]  # type: ignore[attr-defined]
    assert found == [(None, {"max_completion_tokens": 77}), (77, None), (77, None)]


async def test_a_server_answers_a_turn_with_one_request_to_its_own_address() -> None:
    server = FakeServer()
    decision = await run_turn(context(), services(model=server.model()))
    assert decision.kind is OutcomeKind.REPLY
    assert [str(request.url) for request in server.requests] == ["http://model.test/v1/chat/completions"]
    sent = json.loads(server.requests[0].content)
    assert sent["tool_choice"] == "required"
    assert "store" not in sent
    assert "stream" not in sent
    roles = [message["role"] for message in sent["messages"]]
    assert roles[:2] == ["system", "user"]
    assert roles.count("tool") == 4


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
async def test_a_busy_or_broken_server_is_asked_again(status: int) -> None:
    server = FakeServer(status, status, 200)
    await ask(server.model())
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 404, 405])
async def test_what_only_the_operator_can_repair_is_away_and_not_asked_again(status: int) -> None:
    server = FakeServer(status)
    with pytest.raises(ModelAway, match="OPENAI_") as raised:
        await ask(server.model())
    assert len(server.requests) == 1
    assert "customer's words" not in str(raised.value)
    assert not raised.value.perhaps_billed


TOO_LONG: dict[str, dict[str, Any]] = {
    "llama.cpp": {
        "code": 400,
        "message": "request (9120 tokens) exceeds the available context size (8192 tokens), try increasing it",
        "type": "exceed_context_size_error",
    },
    "OpenAI, Chat Completions": {"code": "context_length_exceeded", "type": "invalid_request_error"},
    "OpenAI, Responses": {"message": "Your input exceeds the context window of this model.", "code": None},
    "vLLM": {
        "message": "This model's maximum context length is 4096 tokens. However, you requested 5012 tokens.",
        "type": "BadRequestError",
        "code": 400,
    },
    "SGLang": {"message": "The input (5012 tokens) is longer than the model's context length (4096 tokens)."},
}


@pytest.mark.parametrize("dialect", TOO_LONG)
async def test_a_turn_that_is_too_long_for_the_model_is_not_asked_again(dialect: str) -> None:
    server = FakeServer(400, says=TOO_LONG[dialect])
    with pytest.raises(ModelRefuses, match="too long"):
        await ask(server.model())
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_requests_that_the_server_refuses_leave_the_breaker_closed(status: int) -> None:
    """One customer's long message, sent again and again, takes the model from nobody else."""
    server = FakeServer(status)
    model = server.model(ONCE, Breaker(failures=2, rest_s=30))
    for _ in range(5):
        with pytest.raises(ModelRefuses) as raised:
            await ask(model)
        assert "customer's words" not in str(raised.value)
        assert not raised.value.perhaps_billed
    assert len(server.requests) == 5
    assert not model.is_resting


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation", "invalid_prompt"])
async def test_an_answer_that_the_server_withholds_is_no_outage(code: str) -> None:
    server = FakeServer(400, says={"code": code})
    with pytest.raises(ModelMisbehaved, match="withholds"):
        await ask(server.model())
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "code"), [(429, "insufficient_quota"), (501, None), (505, None)])
async def test_what_no_pause_ends_is_not_asked_again(status: int, code: str | None) -> None:
    server = FakeServer(status, says={"code": code})
    with pytest.raises(ModelAway):
        await ask(server.model())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("error", "requests", "perhaps_billed"),
    [
        (httpx2.ConnectError("refused"), 4, False),
        (httpx2.ConnectTimeout("slow"), 4, False),
        (httpx2.ReadError("reset"), 4, True),
        (httpx2.ReadTimeout("slow"), 1, True),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_server_that_is_not_reached_is_away(error: Exception, requests: int, perhaps_billed: bool) -> None:
    server = FakeServer(error=error)
    with pytest.raises(ModelAway) as raised:
        await ask(server.model())
    assert len(server.requests) == requests
    assert raised.value.perhaps_billed is perhaps_billed


async def test_retries_end() -> None:
    server = FakeServer(503)
    with pytest.raises(ModelAway, match="503"):
        await ask(server.model())
    assert len(server.requests) == 1 + QUICK.model_retries


async def test_pauses_double_and_are_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float, *rest: Any) -> None:
        slept.append(seconds)
        await sleep(0)

    monkeypatch.setattr("models.remote_model.asyncio.sleep", note)
    with pytest.raises(ModelAway):
        await ask(FakeServer(503).model(Times(model_retries=4, model_backoff_s=1.0, model_timeout_s=600)))
    pauses = [each for each in slept if each > 0.1]
    assert len(pauses) == 4
    assert all(0.75 * 2**n <= pause <= 1.25 * 2**n for n, pause in enumerate(pauses))
    assert pauses != [1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("form", ["0.2", "date"])
async def test_a_server_that_asks_to_wait_is_given_the_time(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float, *rest: Any) -> None:
        slept.append(seconds)
        await sleep(0)

    said = email.utils.formatdate(time.time() + 30, usegmt=True) if form == "date" else form
    monkeypatch.setattr("models.remote_model.asyncio.sleep", note)
    await ask(FakeServer(429, 200, headers={"Retry-After": said}).model())
    assert max(slept) >= (25 if form == "date" else 0.2)


async def test_a_pause_that_does_not_fit_the_turns_deadline_is_not_begun() -> None:
    server = FakeServer(429, headers={"Retry-After": "3600"})
    with model_deadline(600.0), pytest.raises(ModelAway, match="429"):
        async with asyncio.timeout(60):
            await ask(server.model())
    assert len(server.requests) == 1


async def test_a_failing_server_is_left_alone_and_tried_again_later() -> None:
    now = 0.0
    server = FakeServer(503)
    model = server.model(ONCE, Breaker(failures=2, rest_s=30, clock=lambda: now))
    for _ in range(2):
        with pytest.raises(ModelAway):
            await ask(model)
    assert model.is_resting
    with pytest.raises(ModelResting):
        await ask(model)
    assert len(server.requests) == 2
    now, server.statuses = 31.0, (200,)
    await ask(model)
    assert len(server.requests) == 3
    assert not model.is_resting
