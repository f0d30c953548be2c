"""A server with OpenAI's two interfaces on a real socket, which answers as it is told: rightly, wrongly, or not at all.

What it answers is written once, and is given as Chat Completions or as Responses, whichever is asked for. It keeps
every request, and checks each against OpenAI's own description where that is at hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.openai_contract import Contract

_HOST = "127.0.0.1"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Asked:
    """One request. `body` is its JSON."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def tool_names(self) -> list[str]:
        return [tool.get("function", tool)["name"] for tool in self.body.get("tools", ())]


class Behaviour:
    """What is done with one request: writes its answer, or breaks off."""

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Plain(Behaviour):
    """These bytes, whatever was asked."""

    status: int = 200
    body: bytes = b"{}"
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(self.status, len(self.body), self.media_type, self.headers) + self.body)


@dataclass(frozen=True)
class Says(Behaviour):
    """An answer in the shape of the interface that was asked. `calls` are (tool, arguments as text or as values).

    `finish` is Chat Completions' finish_reason; 'length' and 'content_filter' make a Responses answer incomplete.
    """

    calls: Sequence[tuple[str, str | Mapping[str, Any]]] = ()
    text: str | None = None
    refusal: str | None = None
    finish: str = "stop"
    usage: tuple[int, int] | None = (900, 60)
    changes: Callable[[dict[str, Any]], Any] | None = None
    """Spoils the answer in place."""

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        made = self.response(asked) if asked.path.endswith("/responses") else self.completion(asked)
        if self.changes is not None:
            self.changes(made)
        await Plain(body=json.dumps(made).encode()).answer(asked, writer)

    def completion(self, asked: Asked) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text, "refusal": self.refusal}
        if self.calls:
            message["tool_calls"] = [
                {"id": _id("call"), "type": "function", "function": {"name": name, "arguments": _text(arguments)}}
                for name, arguments in self.calls
            ]
        finish = "tool_calls" if self.calls and self.finish == "stop" else self.finish
        made: dict[str, Any] = {
            "id": _id("chatcmpl"), "object": "chat.completion", "created": 0, "model": asked.body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        }  # fmt: skip
        if self.usage is not None:
            read, written = self.usage
            made["usage"] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        return made

    def response(self, asked: Asked) -> dict[str, Any]:
        output: list[dict[str, Any]] = [
            {
                "type": "function_call", "id": _id("fc"), "call_id": _id("call"), "name": name,
                "arguments": _text(arguments), "status": "completed",
            }
            for name, arguments in self.calls
        ]  # fmt: skip
        parts: list[dict[str, Any]] = []
        if self.text is not None:
            parts.append({"type": "output_text", "text": self.text, "annotations": []})
        if self.refusal is not None:
            parts.append({"type": "refusal", "refusal": self.refusal})
        if parts:
            message = {"type": "message", "id": _id("msg"), "role": "assistant", "status": "completed"}
            output.append({**message, "content": parts})
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        made: dict[str, Any] = {
            "id": _id("resp"), "object": "response", "created_at": 0, "model": asked.body.get("model"),
            "status": "incomplete" if self.finish in reasons else "completed", "error": None, "instructions": None,
            "incomplete_details": {"reason": reasons[self.finish]} if self.finish in reasons else None,
            "metadata": {}, "output": output, "parallel_tool_calls": True, "tool_choice": "required", "tools": [],
            "temperature": 1.0, "top_p": 1.0,
        }  # fmt: skip
        if self.usage is not None:
            read, written = self.usage
            made["usage"] = {
                "input_tokens": read, "output_tokens": written, "total_tokens": read + written,
                "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
            }  # fmt: skip
        return made


@dataclass(frozen=True)
class Drips(Behaviour):
    """A byte now and then, for ever: no single read ever times out."""

    every_s: float = 0.01

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(200, 1_000_000, "application/json", {}) + b"{")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(self.every_s)


@dataclass(frozen=True)
class BreaksOff(Behaviour):
    """Half an answer, then a reset, or a close that seems orderly; with `before` not even a header."""

    before: bool = False
    orderly: bool = False

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        if not self.before:
            writer.write(_head(200, 4096, "application/json", {}) + b'{"id": "chatcmpl-1", "cho')
            await writer.drain()
        writer.close() if self.orderly else writer.transport.abort()


class Hangs(Behaviour):
    """Takes the request and never answers."""

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()


class FakeOpenAI:
    """The n-th request gets the n-th behaviour; the last one repeats."""

    def __init__(self, *behaviours: Behaviour, contract: Contract | None = None) -> None:
        self.behaviours: list[Behaviour] = list(behaviours)
        self.asked: list[Asked] = []
        self.problems: list[str] = []
        self.arrived = asyncio.Condition()
        self._contract = contract
        self._address = ""
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def base_url(self) -> str:
        return f"{self._address}/v1"

    def now(self, *behaviours: Behaviour) -> None:
        """From the next request on."""
        self.behaviours = [*self.behaviours[:1] * len(self.asked), *behaviours]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            while (asked := await _read(reader)) is not None:
                await self._answer(asked, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        behaviour = self.behaviours[min(len(self.asked), len(self.behaviours) - 1)]
        self.asked.append(asked)
        if self._contract is not None:
            self.problems += self._contract.problems(asked.path, asked.body)
        async with self.arrived:
            self.arrived.notify_all()
        await behaviour.answer(asked, writer)

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)


@asynccontextmanager
async def serve_openai(*behaviours: Behaviour, contract: Contract | None = None) -> AsyncIterator[FakeOpenAI]:
    fake = FakeOpenAI(*behaviours, contract=contract)
    server = await asyncio.start_server(fake.serve, _HOST, 0)
    fake._address = f"http://{_HOST}:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        await fake.close()
        with contextlib.suppress(ConnectionError):
            await server.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(first.split(" ")[1], headers, json.loads(body or b"{}"))


def _head(status: int, length: int, media_type: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {media_type}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _text(arguments: str | Mapping[str, Any]) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _id(kind: str) -> str:
    return f"{kind}_{next(_numbers)}"
