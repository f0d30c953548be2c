"""What goes to the small model's server and comes back, with a line for each: so that a slow run shows where it is."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.fakes.openai_server import Asked, Behaviour, Plain


@dataclass(frozen=True)
class Exchange:
    """One request that was answered. `cached` are those of its tokens that the server had read before."""

    status: int
    seconds: float
    read: int
    cached: int
    written: int
    finish: str
    wrote: str
    """The model's own words: text and calls of tools, as JSON."""

    def __str__(self) -> str:
        spent = f"{self.seconds:.1f} s for {self.read} tokens ({self.cached} known) and {self.written} written"
        return f"{self.status} {self.finish}, {spent}: {self.wrote}"


@dataclass(frozen=True)
class Listens(Behaviour):
    """Hands each request on to the server at `origin`, and its answer back."""

    origin: str
    patience_s: float
    heard: list[Exchange] = field(default_factory=list)

    async def answer(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        began = time.perf_counter()
        async with httpx.AsyncClient(timeout=self.patience_s, trust_env=False) as client:
            given = await client.post(f"{self.origin}{asked.path}", json=asked.body)
        self.heard.append(_exchange(given, time.perf_counter() - began))
        print(f"\n  {self.heard[-1]}", end="", flush=True)
        media_type = given.headers.get("content-type", "application/json")
        await Plain(given.status_code, given.content, media_type).answer(asked, writer)


def _exchange(given: httpx.Response, seconds: float) -> Exchange:
    """llama.cpp's answer to Chat Completions, with its own `timings`."""
    answer: dict[str, Any] = given.json() if given.is_success else {}
    (choice,) = answer.get("choices", ({},))
    usage, timings = answer.get("usage", {}), answer.get("timings", {})
    message = {name: value for name, value in choice.get("message", {}).items() if name in ("content", "tool_calls")}
    return Exchange(
        status=given.status_code,
        seconds=seconds,
        read=usage.get("prompt_tokens", 0),
        cached=timings.get("cache_n", 0),
        written=usage.get("completion_tokens", 0),
        finish=choice.get("finish_reason", ""),
        wrote=json.dumps(message, ensure_ascii=False) if message else given.text[:400],
    )
