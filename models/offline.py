"""The language model that needs no network: it answers with what the articles say, through the same tools.

It sees only what any model sees: its instructions, the customer's words, and the results of tools.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, cast
from uuid import uuid4

from agents.items import ModelResponse, TResponseInputItem, TResponseStreamEvent
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import ResponseFunctionToolCall

from models.offline_answers import decide
from models.offline_input import read


class OfflineModel(Model):
    """Stateless, deterministic but for the ids of its calls."""

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        *args: Any,
        **options: Any,
    ) -> ModelResponse:
        items = [{"role": "user", "content": input}] if isinstance(input, str) else input
        decision = decide(read(system_instructions or "", cast(list[Mapping[str, Any]], items)))
        call = ResponseFunctionToolCall(
            type="function_call",
            call_id=f"call_{uuid4().hex}",
            name=decision.tool,
            arguments=json.dumps(decision.arguments),
        )
        return ModelResponse(output=[call], usage=Usage(requests=1), response_id=None)

    def stream_response(self, *args: Any, **options: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError("turns are not streamed: a reply is checked whole before anyone sees it")
