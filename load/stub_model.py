"""A language model that is slow and right: OpenAI's Chat Completions on loopback, for runs that measure the rest.

It takes its stated time for every answer, then ends the turn with a tool call that quotes the first article
found, or hands over when none was found. `python -m load.stub_model PORT LATENCY_S` runs it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

_QUOTE_CHARS = 500


def build_app(latency_s: float) -> Starlette:
    async def complete(request: Request) -> JSONResponse:
        body = await request.json()
        await asyncio.sleep(latency_s)
        return JSONResponse(completion(body))

    return Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])


def completion(request: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to a Chat Completions request: one call of a terminal tool."""
    name, arguments = decide(request.get("messages", ()))
    call = {
        "id": f"call_{uuid.uuid4().hex}",
        "type": "function",
        "function": {"name": name, "arguments": json.dumps(arguments)},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": "chat.completion",
        "created": 0,
        "model": str(request.get("model", "stub")),
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls", "logprobs": None}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def decide(messages: Iterable[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The terminal tool to call and its arguments."""
    for passage in _passages(messages):
        quote = _whole_lines(str(passage["text"]))
        if quote:
            return "send_response", {"message": quote, "kind": "answer", "articles": [passage["article"]]}
    return "escalate_to_human", {"reason_code": "knowledge_gap", "summary": "No article was found."}


def _passages(messages: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the last search found, as its tool returned it."""
    found: list[Mapping[str, Any]] = []
    for message in messages:
        if message.get("role") != "tool":
            continue
        try:
            result = json.loads(str(message.get("content")))
        except ValueError:
            continue
        if isinstance(result, dict) and result.get("passages"):
            found = list(result["passages"])
    return found


def _whole_lines(text: str) -> str:
    """As many lines from the start as fit, headings left out."""
    kept: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if sum(map(len, kept)) + len(line) > _QUOTE_CHARS:
            break
        kept.append(line)
    return "\n".join(kept).strip()


def main(arguments: list[str]) -> None:
    port, latency_s = int(arguments[0]), float(arguments[1])
    uvicorn.run(build_app(latency_s), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main(sys.argv[1:])
