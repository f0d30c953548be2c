"""OpenAI's client without the walk that it takes through every request, and with a look at what it gives back.

It looks for renamed fields in each item of each message and schema, and finds none: 4 ms of processor time for the
messages and tools of a turn, 8 ms as Responses. They go out as they are instead, beside the rest of the body.

What the server says about its answer as a whole, and the Agents SDK does not look at, becomes an error here.
"""

from __future__ import annotations

from typing import Any

import openai
from openai.resources.chat.completions import AsyncCompletions
from openai.resources.responses import AsyncResponses

_MOST_TOKENS = 10_000_000
"""No call takes more: a server that says so has no usage that is worth counting."""


class CutShort(openai.OpenAIError):
    """The answer ended at the limit of output tokens. What is there of it may read as if it were whole.

    `took` are the input and output tokens, 0 where the server does not tell.
    """

    def __init__(self, took: tuple[int, int]) -> None:
        super().__init__(took)
        self.took = took


class ErrorInSuccess(openai.OpenAIError):
    """An error with status 200 in place of an answer, as proxies for many models give it. `code` is None if it has none
    that is a number."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def without_walk(client: openai.AsyncOpenAI) -> openai.AsyncOpenAI:
    """The same client; its large fields are sent as they are given.

    Beside the client's own errors it raises CutShort and ErrorInSuccess.
    """
    # Where the client keeps what it has made of them once.
    vars(client.chat)["completions"] = _Completions(client)
    vars(client)["responses"] = _Responses(client)
    return client


class _Completions(AsyncCompletions):
    async def create(self, **fields: Any) -> Any:
        answer = await super().create(messages=[], **_beside(fields, "messages", "tools"))
        choices = getattr(answer, "choices", None)
        if not choices:
            _refuse_error(answer)
        took = _tell_usage(answer, "prompt_tokens", "completion_tokens")
        if isinstance(choices, list) and choices and getattr(choices[0], "finish_reason", None) == "length":
            raise CutShort(took)
        return answer


class _Responses(AsyncResponses):
    async def create(self, **fields: Any) -> Any:
        answer = await super().create(**_beside(fields, "input", "tools"))
        if getattr(answer, "status", None) is None:
            _refuse_error(answer)
        took = _tell_usage(answer, "input_tokens", "output_tokens")
        reason = getattr(getattr(answer, "incomplete_details", None), "reason", None)
        if getattr(answer, "status", None) == "incomplete" and reason == "max_output_tokens":
            raise CutShort(took)
        return answer


def _beside(fields: dict[str, Any], *large: str) -> dict[str, Any]:
    """The fields with the large ones as `extra_body`, which the client adds to the body last and does not look into."""
    given = {name: fields.pop(name) for name in large if name in fields}
    as_they_are = {name: value for name, value in given.items() if not isinstance(value, openai.Omit)}
    return {**fields, "extra_body": {**(fields.get("extra_body") or {}), **as_they_are}}


def _refuse_error(answer: Any) -> None:
    error = getattr(answer, "error", None)
    if error:
        code = error.get("code") if isinstance(error, dict) else getattr(error, "code", None)
        raise ErrorInSuccess(code if isinstance(code, int) else None)


def _tell_usage(answer: Any, read: str, written: str) -> tuple[int, int]:
    """Input and output tokens; a usage that cannot be true is taken out of the answer, and counts as none."""
    usage = getattr(answer, "usage", None)
    if usage is None:
        return 0, 0
    counts: list[Any] = [getattr(usage, name, None) for name in (read, written)]
    total = getattr(usage, "total_tokens", None) or 0
    if all(type(count) is int and 0 <= count <= _MOST_TOKENS for count in (*counts, total)):
        return counts[0], counts[1]
    answer.usage = None
    return 0, 0
