"""A turn with a language model on a real socket that behaves and misbehaves: whatever it does, the customer gets a
checked answer or a person, and the model is asked twice at most."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from agent.records import FallbackCause, OutcomeKind, ReasonCode, TurnContext, TurnDecision
from agent.times import Times
from agent.turn.model_use import ModelTerms, Prices
from agent.turn.prompt_size import PromptSize
from agent.turn.turn import run_turn
from models.language import ModelApi, make_model
from models.offline import OfflineModel
from tests.fakes.openai_contract import DESCRIPTION, Contract
from tests.fakes.openai_server import (
    Behaviour,
    BreaksOff,
    Drips,
    FakeOpenAI,
    Hangs,
    Plain,
    Says,
    serve_openai,
)
from tests.unit.turn_fakes import EXPORT, FAR, FakePolicy, FakeSearch, FakeVerdict, context, message, services
from tests.waiting import an_hour_later

GOOD = "Open the project, select More > Export and choose CSV."
ANSWER = {"message": GOOD, "kind": "answer", "articles": ["projects/export"]}
ANSWERS = Says(calls=[("send_response", ANSWER)])
SEARCHES = Says(calls=[("search_knowledge_base", {"query": "export csv"})])
PATIENT = Times(model_timeout_s=600, model_backoff_s=0.01, embed_timeout_s=600)
HASTY = replace(PATIENT, model_timeout_s=0.4)
SECRET = "zebra"  # in every spoilt answer, and in no reply

both = pytest.mark.parametrize("api", [ModelApi.CHAT_COMPLETIONS, ModelApi.RESPONSES])


@pytest.fixture
async def server() -> AsyncIterator[FakeOpenAI]:
    """Answers well until told otherwise; every request must be one that OpenAI's description allows."""
    async with serve_openai(ANSWERS, contract=Contract.read()) as fake:
        yield fake
        assert fake.problems == []


async def ask(
    server: FakeOpenAI,
    api: ModelApi,
    turn: TurnContext | None = None,
    *,
    times: Times = PATIENT,
    fallback: bool = True,
    **more: Any,
) -> TurnDecision:
    model = make_model(api_key="sk-not-a-key", base_url=server.base_url, name="some-model", api=api, times=times)
    terms = ModelTerms("some-model", 1500, prices=Prices(2.0, 8.0), fallback=OfflineModel() if fallback else None)
    try:
        return await run_turn(turn or context(), services(model=model, times=times, model_terms=terms, **more))
    finally:
        await model.close()


@both
async def test_the_common_case_is_one_request(server: FakeOpenAI, api: ModelApi) -> None:
    decision = await ask(server, api)
    assert decision.kind is OutcomeKind.REPLY
    assert GOOD in decision.reply
    assert len(server.asked) == 1 == decision.model_calls
    use = decision.model_use
    assert use is not None
    assert (use.calls, use.input_tokens, use.output_tokens, use.cost_micros) == (1, 900, 60, 2280)


@both
async def test_a_search_by_the_model_is_a_second_request_and_the_last(server: FakeOpenAI, api: ModelApi) -> None:
    server.behaviours = [SEARCHES, ANSWERS]
    decision = await ask(server, api, search=FakeSearch([FAR], [EXPORT]))
    assert decision.kind is OutcomeKind.REPLY
    assert len(server.asked) == 2
    assert "search_knowledge_base" in server.asked[0].tool_names
    assert "search_knowledge_base" not in server.asked[1].tool_names
    assert decision.model_use is not None
    assert decision.model_use.input_tokens == 1800


@both
async def test_what_is_sent_has_the_shape_that_we_mean(server: FakeOpenAI, api: ModelApi) -> None:
    """Beside OpenAI's own description, which allows more than we send and may be absent."""
    server.behaviours = [SEARCHES, ANSWERS]
    await ask(server, api, context("How do I export a project?", history=[message("Hello before")]))
    for asked in server.asked:
        body = asked.body
        chat = api is ModelApi.CHAT_COMPLETIONS
        assert asked.path == ("/v1/chat/completions" if chat else "/v1/responses")
        known = {"model", "messages", "tools", "tool_choice", "max_tokens"} if chat else {
            "model", "instructions", "input", "tools", "tool_choice", "max_output_tokens", "include"
        }  # fmt: skip
        assert set(body) <= known
        assert body["tool_choice"] == "required"
        assert body["max_tokens" if chat else "max_output_tokens"] == 1500
        for tool in body["tools"]:
            shape = tool["function"] if chat else tool
            assert shape["strict"] is True
            assert shape["parameters"]["additionalProperties"] is False
            assert set(shape["parameters"]["required"]) == set(shape["parameters"]["properties"])
        said = json.dumps(body)
        assert said.count("How do I export a project?") >= 1
        assert "customer_id" not in said
        assert "robin@example.com" not in said, "a model need not know the address"
    calls = [item for item in _items(server.asked[1].body) if item[0] == "call"]
    assert [name for _, name in calls] == [
        *("create_ticket", "get_customer_history", "analyze_sentiment", "search_knowledge_base"),
        "search_knowledge_base",
    ]


@both
async def test_a_compact_turn_is_one_request_with_the_tools_that_end_it(server: FakeOpenAI, api: ModelApi) -> None:
    decision = await ask(server, api, context("How?", history=[message("Hello")]), prompt=PromptSize.COMPACT)
    assert GOOD in decision.reply
    (asked,) = server.asked
    assert asked.tool_names == ["send_response", "escalate_to_human"]
    assert asked.body["tool_choice"] == "required"
    assert asked.body["parallel_tool_calls"] is False
    assert list(_items(asked.body)) == [], "what was done before is told in words"


def _items(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for message_ in body.get("messages", ()):
        for call in message_.get("tool_calls") or ():
            yield "call", call["function"]["name"]
    for item in body.get("input", ()):
        if item.get("type") == "function_call":
            yield "call", item["name"]


@pytest.mark.skipif(not DESCRIPTION.exists(), reason="OpenAI's description of its API is not beside this checkout")
@both
async def test_the_contract_is_not_blind(api: ModelApi) -> None:
    contract = Contract.read()
    assert contract is not None
    async with serve_openai(SEARCHES, ANSWERS, contract=contract) as server:
        await ask(server, api)
        assert server.problems == []
        asked = server.asked[0]
    for spoil in ({"tool_choice": "perhaps"}, {"tools": [{"type": "function"}]}, {"modle": "m"}, {"model": 7}):
        assert contract.problems(asked.path, {**asked.body, **spoil}), spoil


def spoil(**changes: Any) -> Says:
    return Says(text=SECRET, changes=lambda made: made.update(changes))


RUBBISH: dict[str, tuple[Behaviour, ...]] = {
    "plain text instead of a tool": (Says(text=f"Hello, {SECRET}!"),),
    "no text and no tool": (Says(),),
    "empty text": (Says(text=""),),
    "50,000 characters of text": (Says(text=f"{SECRET} " * 8_400),),
    "50,000 characters to the customer": (
        Says(calls=[("send_response", {**ANSWER, "message": f"{SECRET} " * 8_400})]),
    ),
    "an empty reply": (Says(calls=[("send_response", {**ANSWER, "message": " \n "})]),),
    "arguments that are no JSON": (Says(calls=[("send_response", f"{{{SECRET}")]),),
    "arguments that are a list": (Says(calls=[("send_response", f'["{SECRET}"]')]),),
    "arguments of wrong types": (Says(calls=[("send_response", {"message": 7, "kind": [], "articles": SECRET})]),),
    "arguments that are missing": (Says(calls=[("send_response", {"kind": "answer"})]),),
    "no arguments": (Says(calls=[("send_response", "")]),),
    "a kind that does not exist": (Says(calls=[("send_response", {**ANSWER, "kind": SECRET})]),),
    "a reason that does not exist": (Says(calls=[("escalate_to_human", {"reason_code": SECRET, "summary": ""})]),),
    "a reason that is code's to give": (
        Says(calls=[("escalate_to_human", {"reason_code": "tool_failure", "summary": SECRET})]),
    ),
    "an invented tool": (Says(calls=[("delete_customer", {"customer_id": SECRET})]),),
    "an invented tool beside a good answer": (Says(calls=[("send_email", {"to": SECRET}), ("send_response", ANSWER)]),),
    "a tool without a name": (Says(calls=[("", {})]),),
    "endless searches": (SEARCHES,),
    "endless histories": (Says(calls=[("get_customer_history", {})]),),
    "a search after the last search": (SEARCHES, SEARCHES),
    "text after a search": (SEARCHES, Says(text=SECRET)),
    "a call that is cut short": (Says(calls=[("send_response", f'{{"message": "Open the {SECRET}')], finish="length"),),
    "text that is cut short": (Says(text=f"Open the {SECRET}", finish="length"),),
    "nothing, cut short": (Says(finish="length"),),
    "a call that is cut short and mended by its server": (
        Says(calls=[("send_response", {**ANSWER, "message": f"Open the project, then {SECRET}"})], finish="length"),
    ),
    "a refusal": (Says(refusal=f"I cannot, {SECRET}"),),
    "a content filter": (Says(finish="content_filter"),),
    "null choices": (spoil(choices=None, output=None),),
    "no choices": (spoil(choices=[], output=[]),),
    "a null message": (spoil(choices=[{"index": 0, "message": None}], output=[None]),),
    "an item of an unknown kind": (spoil(choices=[{"message": {"role": SECRET}}], output=[{"type": SECRET}]),),
    "an empty object": (Plain(body=b"{}"),),
    "a list": (Plain(body=b"[1, 2]"),),
    "null": (Plain(body=b"null"),),
    "a string": (Plain(body=b'"zebra"'),),
    "an answer that its server withholds": (Plain(400, b'{"error": {"message": "zebra", "code": "content_filter"}}'),),
}


@both
@pytest.mark.parametrize("name", RUBBISH)
async def test_rubbish_ends_with_a_person(server: FakeOpenAI, api: ModelApi, name: str) -> None:
    server.behaviours = list(RUBBISH[name])
    decision = await ask(server, api)
    assert decision.kind is OutcomeKind.ESCALATION
    assert decision.escalation is not None
    expected = {ReasonCode.POLICY_RESTRICTION} if name == "an empty reply" else {ReasonCode.TOOL_FAILURE}
    assert decision.escalation.reason_code in expected
    assert decision.reply, "the customer is told"
    assert SECRET not in decision.reply
    assert len(server.asked) <= 2
    use = decision.model_use
    assert use is not None
    assert use.fallback is None
    assert use.input_tokens > 0, "what an unusable answer took is paid for"
    if name != "an empty reply":
        assert use.problem, "operators see that it was of no use"
        assert SECRET not in use.problem


@both
async def test_what_a_cut_answer_took_is_counted_as_told(server: FakeOpenAI, api: ModelApi) -> None:
    server.behaviours = [Says(calls=[("send_response", ANSWER)], finish="length")]
    decision = await ask(server, api)
    assert decision.escalation is not None
    assert "FTE_MODEL_MAX_OUTPUT_TOKENS" in decision.escalation.summary
    use = decision.model_use
    assert use is not None
    assert (use.input_tokens, use.output_tokens) == (900, 60)


USAGES = {
    "negative": {"prompt_tokens": -5, "input_tokens": -5},
    "beyond any column": {"completion_tokens": 10**30, "output_tokens": 10**30},
    "words": {"prompt_tokens": "many", "input_tokens": "many"},
    "nothing": {"prompt_tokens": None, "input_tokens": None},
    "a total in words": {"total_tokens": "many"},
}


@both
@pytest.mark.parametrize("name", USAGES)
async def test_a_usage_that_cannot_be_true_counts_as_none(server: FakeOpenAI, api: ModelApi, name: str) -> None:
    def spoil_usage(made: dict[str, Any]) -> None:
        made["usage"] |= {key: value for key, value in USAGES[name].items() if key in made["usage"]}

    server.behaviours = [Says(calls=[("send_response", ANSWER)], changes=spoil_usage)]
    decision = await ask(server, api)
    assert GOOD in decision.reply
    assert decision.model_use is not None
    assert decision.model_use.output_tokens == 1500, "the estimate stands in"


OUTAGES: dict[str, tuple[Behaviour, Times]] = {
    "a page of a proxy": (Plain(200, b"<html>zebra</html>", "text/html"), PATIENT),
    "a page that claims to be JSON": (Plain(200, b"<html>zebra</html>"), PATIENT),
    "JSON that is cut short": (Plain(200, b'{"id": "zebra", "choi'), PATIENT),
    "a stream that nobody asked for": (Plain(200, b'data: {"zebra": 1}\n\n', "text/event-stream"), PATIENT),
    "too many requests": (Plain(429, b"{}"), PATIENT),
    "no more credit": (Plain(402, b"{}"), PATIENT),
    "broken": (Plain(500, b"{}"), PATIENT),
    "away behind a proxy": (Plain(502, b"<html>", "text/html"), PATIENT),
    "overloaded": (Plain(503, b""), PATIENT),
    "a wrong key": (Plain(401, b"{}"), PATIENT),
    "an unknown model": (Plain(404, b"{}"), PATIENT),
    "an error in place of an answer": (Plain(body=b'{"error": {"message": "zebra", "code": 502}}'), PATIENT),
    "an error with a word for a code": (Plain(body=b'{"error": {"message": "zebra", "code": "down"}}'), PATIENT),
    "a bad request": (Plain(400, b'{"error": {"message": "zebra"}}'), PATIENT),
    "a request that is too long": (Plain(413, b'{"error": {"message": "zebra"}}'), PATIENT),
    "a reset within the answer": (BreaksOff(), PATIENT),
    "a close within the answer": (BreaksOff(orderly=True), PATIENT),
    "a reset before the answer": (BreaksOff(before=True), PATIENT),
    "an answer by drips": (Drips(), HASTY),
    "no answer": (Hangs(), HASTY),
}


@both
@pytest.mark.parametrize("name", OUTAGES)
async def test_an_outage_is_answered_by_the_fallback(server: FakeOpenAI, api: ModelApi, name: str) -> None:
    behaviour, times = OUTAGES[name]
    server.behaviours = [behaviour]
    decision = await ask(server, api, times=times)
    assert decision.kind is OutcomeKind.REPLY
    assert decision.articles == ("projects/export",)
    assert SECRET not in decision.reply
    assert decision.model_use is not None
    assert decision.model_use.fallback is FallbackCause.AWAY
    assert SECRET not in decision.model_use.problem


@both
@pytest.mark.parametrize(
    ("name", "requests"),
    [
        ("a wrong key", 1),
        ("an unknown model", 1),
        ("a bad request", 1),
        ("a request that is too long", 1),
        ("a stream that nobody asked for", 1),
        ("an error with a word for a code", 1),
        ("an error in place of an answer", 1 + PATIENT.model_retries),
        ("a close within the answer", 1 + PATIENT.model_retries),
    ],
)
async def test_only_what_may_pass_is_asked_again(server: FakeOpenAI, api: ModelApi, name: str, requests: int) -> None:
    server.behaviours = [OUTAGES[name][0]]
    await ask(server, api)
    assert len(server.asked) == requests


@both
async def test_a_search_that_hangs_in_the_midst_of_a_turn_ends_with_the_fallback(
    server: FakeOpenAI, api: ModelApi
) -> None:
    """The model asked for it, so the model's time bounds it; the model itself is not to blame."""
    server.behaviours = [SEARCHES]
    decision = await ask(server, api, search=HangingSearch([EXPORT]))
    assert decision.kind is OutcomeKind.REPLY
    assert decision.articles == ("projects/export",)
    assert decision.model_use is not None
    assert (decision.model_use.calls, decision.model_use.input_tokens) == (1, 900), "the call itself was answered"


class HangingSearch(FakeSearch):
    """Answers once. The second time an hour passes, however long the model took until then."""

    async def search(self, *arguments: Any, **more: Any) -> Any:
        if self.queries:
            with an_hour_later():
                await asyncio.Event().wait()
        return await super().search(*arguments, **more)


@both
@pytest.mark.parametrize("name", ["broken", "no answer"])
async def test_an_outage_without_a_fallback_ends_with_a_person(server: FakeOpenAI, api: ModelApi, name: str) -> None:
    behaviour, times = OUTAGES[name]
    server.behaviours = [behaviour]
    decision = await ask(server, api, times=times, fallback=False)
    assert decision.escalation is not None
    assert decision.escalation.reason_code is ReasonCode.TOOL_FAILURE
    assert decision.reply


async def test_a_failed_response_is_an_outage(server: FakeOpenAI) -> None:
    failed = {"status": "failed", "error": {"code": "server_error", "message": SECRET}, "output": []}
    server.behaviours = [spoil(**failed)]
    decision = await ask(server, ModelApi.RESPONSES)
    assert decision.model_use is not None
    assert decision.model_use.fallback is FallbackCause.AWAY
    assert len(server.asked) == 1 + PATIENT.model_retries


async def test_nobody_listens() -> None:
    async with serve_openai(ANSWERS) as server:
        pass
    decision = await ask(server, ModelApi.AUTO)
    assert decision.kind is OutcomeKind.REPLY
    assert decision.model_use is not None
    assert decision.model_use.fallback is FallbackCause.AWAY
    assert decision.model_use.input_tokens == 0, "what certainly did not arrive costs nothing"


@both
async def test_a_moment_of_trouble_is_not_noticed(server: FakeOpenAI, api: ModelApi) -> None:
    server.behaviours = [Plain(429, b"{}", headers={"Retry-After": "0.02"}), Plain(503, b"{}"), BreaksOff(), ANSWERS]
    decision = await ask(server, api)
    assert GOOD in decision.reply
    assert len(server.asked) == 4
    assert decision.model_use is not None
    assert (decision.model_use.calls, decision.model_use.fallback) == (1, None)
    assert decision.model_use.output_tokens == 60 + 1500, "the server may have worked on the one that broke off"


@both
async def test_another_customers_id_reaches_nothing(server: FakeOpenAI, api: ModelApi) -> None:
    """No tool has such an argument: the reply is the turn's own, and the history too."""
    other = str(uuid4())
    server.behaviours = [
        Says(calls=[("get_customer_history", {"customer_id": other})]),
        Says(calls=[("send_response", {**ANSWER, "customer_id": other, "to": "eve@example.com"})]),
    ]
    mine = context(customer_name="Robin Miller", history=[message("My board is called Apollo")])
    decision = await ask(server, api, mine)
    seen = json.dumps(server.asked[1].body)
    assert seen.count("Apollo") == 2, "given once, and asked for once"
    assert decision.kind is not OutcomeKind.DEAD_LETTER
    assert other not in decision.reply
    assert "eve@example.com" not in decision.reply


@both
async def test_our_guardrails_run_before_the_model_and_its_tools(server: FakeOpenAI, api: ModelApi) -> None:
    """The SDK runs input guardrails beside the first call; ours are code, and it is not even made."""
    search = FakeSearch()
    policy = FakePolicy(FakeVerdict(ReasonCode.REFUND_REQUEST))
    decision = await ask(server, api, context("I want my money back"), policy=policy, search=search)
    assert decision.escalation is not None
    assert server.asked == []
    assert search.queries == []
    assert decision.model_use is None


def test_no_guardrail_is_left_to_the_sdk() -> None:
    loop = services().model_loop
    assert (loop._agent.input_guardrails, loop._agent.output_guardrails) == ([], [])
    assert not loop._config.input_guardrails
    assert not loop._config.output_guardrails


@pytest.mark.parametrize("text", ["Write to us at eve@example.net.", "It costs $99.", "We will refund you."])
@both
async def test_what_a_tool_would_send_is_checked_like_any_answer(server: FakeOpenAI, api: ModelApi, text: str) -> None:
    server.behaviours = [Says(calls=[("send_response", {**ANSWER, "message": text})])]
    decision = await ask(server, api)
    assert decision.escalation is not None
    assert decision.escalation.reason_code is ReasonCode.POLICY_RESTRICTION
    assert text not in decision.reply


@asynccontextmanager
async def watched_sockets(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[set[str]]:
    """The hosts that anything in this process resolves or connects to. Only loopback is reached."""
    seen: set[str] = set()
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def note(address: Any) -> None:
        host = str(address[0]) if isinstance(address, tuple) else str(address)
        seen.add(host)
        if host != "127.0.0.1":
            raise ConnectionRefusedError(f"a test reaches for {host}")

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        seen.add(host.decode() if isinstance(host, bytes) else str(host))
        if str(host) != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "no name in a test")
        return getaddrinfo(host, *rest, **options)

    monkeypatch.setattr(socket.socket, "connect", lambda self, address: (note(address), connect(self, address))[1])
    monkeypatch.setattr(
        socket.socket, "connect_ex", lambda self, address: (note(address), connect_ex(self, address))[1]
    )
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-a-key")  # what the trace export would sign in with
    yield seen
    from agents.tracing import get_trace_provider

    await asyncio.to_thread(get_trace_provider().force_flush)


@both
async def test_with_an_own_server_nothing_else_is_reached(
    server: FakeOpenAI, api: ModelApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behaviours = [SEARCHES, ANSWERS, Says(text="rubbish"), Plain(503, b"{}")]
    async with watched_sockets(monkeypatch) as seen:
        for _ in range(3):
            await ask(server, api)
    assert len(server.asked) >= 4
    assert seen == {"127.0.0.1"}


async def test_without_a_base_url_only_openai_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watched_sockets(monkeypatch) as seen:
        model = make_model(api_key="sk-not-a-key", times=PATIENT)
        terms = ModelTerms("gpt-4o", 1500, fallback=OfflineModel())
        decision = await run_turn(context(), services(model=model, times=PATIENT, model_terms=terms))
        await model.close()
    assert decision.kind is OutcomeKind.REPLY
    assert seen == {"api.openai.com"}


@both
async def test_a_redirect_takes_no_words_elsewhere(server: FakeOpenAI, api: ModelApi) -> None:
    async with serve_openai(ANSWERS) as stranger:
        elsewhere = {"Location": f"{stranger.base_url}/chat/completions"}
        server.behaviours = [Plain(307, b"", headers=elsewhere)]
        decision = await ask(server, api)
        assert stranger.asked == []
    assert decision.model_use is not None
    assert decision.model_use.fallback is FallbackCause.AWAY
    assert "OPENAI_BASE_URL" in decision.model_use.problem
