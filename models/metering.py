"""What a language model is asked and used, counted around it; tokens are those that its server reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from agents.items import ModelResponse, TResponseStreamEvent
from agents.models.interface import Model


@dataclass
class Usage:
    """Sums since it was made. Tokens are 0 for a model that reports none."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class MeteredModel(Model):
    """A model whose calls are counted; a call that fails counts too."""

    def __init__(self, inner: Model, usage: Usage) -> None:
        self._inner = inner
        self._usage = usage

    async def get_response(self, *args: Any, **options: Any) -> ModelResponse:
        self._usage.calls += 1
        response = await self._inner.get_response(*args, **options)
        self._usage.input_tokens += response.usage.input_tokens
        self._usage.output_tokens += response.usage.output_tokens
        return response

    def stream_response(self, *args: Any, **options: Any) -> AsyncIterator[TResponseStreamEvent]:
        return self._inner.stream_response(*args, **options)

    async def close(self) -> None:
        await self._inner.close()
