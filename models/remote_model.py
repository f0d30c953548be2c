"""A language model behind OpenAI's API: retried, left alone when it keeps failing, its failures as ours.

Away means that a later try can help; misbehaved, that the server has answered and the answer is of no use.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import logging
import random
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
from agents.exceptions import AgentsException, ModelBehaviorError
from agents.items import ModelResponse, TResponseInputItem, TResponseStreamEvent
from agents.model_settings import ModelSettings
from agents.models.interface import Model

from agent.errors import FteError, ModelAway, ModelMisbehaved, ModelRefuses
from agent.times import Times
from agent.turn.deadline import seconds_left
from models.api_client import CutShort, ErrorInSuccess
from models.breaker import Breaker

_LOG = logging.getLogger(__name__)
_RETRIED = frozenset({408, 409, 425, 429})
_OPERATORS = frozenset({401, 402, 403, 404, 405})
"""A wrong key, an unpaid bill, a wrong model name or interface: the operator's to repair. Customers are answered
meanwhile."""
_FAILED = re.compile(r"\bstatus=failed\b.*\bcode='(?:server_error|rate_limit_exceeded)'")
_NEVER = frozenset({"insufficient_quota", "billing_not_active", "billing_hard_limit_reached"})
"""Codes of a 429 that a pause does not end: OpenAI's for a bill that is not paid."""
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|maximum context length|context (?:length|size|window)"
    r"|maximum model length|max_model_len|string_above_max_length",
    re.IGNORECASE,
)
"""In the words of llama.cpp, OpenAI, vLLM and SGLang."""
_WITHHELD = re.compile(r"content_?filter|content_policy|content management policy|invalid_prompt", re.IGNORECASE)
_LEAST_S = 0.05
"""Less time than this is not worth a request."""


class NotJson(openai.OpenAIError):
    """A success that is no answer of the API: a proxy's page, or, when it `streams`, what nobody asked for."""

    def __init__(self, message: str, streams: bool = False) -> None:
        super().__init__(message, streams)
        self.streams = streams


async def refuse_what_is_not_json(response: httpx2.Response) -> None:
    """A response hook of the HTTP client, which would hand such a body on as a text."""
    media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
    if response.is_success and not media_type.endswith("json"):
        streams = media_type == "text/event-stream"
        raise NotJson(f"the answer is {media_type or 'of no type'} and not JSON", streams)


class RemoteModel(Model):
    """Safe for many calls at once in one event loop. `settings` are those of every call; the caller's own win."""

    def __init__(
        self,
        inner: Model,
        settings: ModelSettings,
        times: Times,
        breaker: Breaker | None = None,
        client: openai.AsyncOpenAI | None = None,
    ) -> None:
        """Owns `client`, where one is given."""
        self._inner = inner
        self._client = client
        self._settings = settings
        self._times = times
        self._breaker = breaker or Breaker(times.breaker_failures, times.breaker_rest_s)

    @property
    def is_resting(self) -> bool:
        return self._breaker.is_open

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        *args: Any,
        **options: Any,
    ) -> ModelResponse:
        """Raises ModelAway (ModelResting among them) and ModelMisbehaved, and AgentsException as the SDK does.

        The usage's `requests` are those that the server may have worked on.
        """
        settings = self._settings.resolve(model_settings)
        lost = 0
        with self._breaker.call():
            for attempt in range(self._times.model_retries + 1):
                try:
                    async with asyncio.timeout(self._patience_s()):
                        answer = await self._inner.get_response(system_instructions, input, settings, *args, **options)
                    answer.usage.requests = 1 + lost
                    return answer
                except Exception as error:
                    failure, pause_s = _as_ours(error), self._pause_s(error, attempt)
                    if isinstance(failure, ModelAway):
                        lost += failure.perhaps_billed
                        failure = type(failure)(str(failure), lost > 0)
                    elif isinstance(failure, ModelMisbehaved) and failure.took is not None:
                        read, written, requests = failure.took
                        failure = ModelMisbehaved(str(failure), (read, written, requests + lost))
                    if pause_s is None or attempt == self._times.model_retries:
                        if failure is error:
                            raise
                        raise failure from error
                    _LOG.info("asking the language model again in %.1f s: %s", pause_s, failure)
                await asyncio.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def stream_response(self, *args: Any, **options: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError("turns are not streamed: a reply is checked whole before anyone sees it")

    async def close(self) -> None:
        await self._inner.close()
        if self._client is not None:
            await self._client.close()

    def _patience_s(self) -> float:
        left = seconds_left(otherwise=self._times.model_timeout_s)
        return max(_LEAST_S, min(self._times.model_timeout_s, left))

    def _pause_s(self, error: Exception, attempt: int) -> float | None:
        """How long to wait for the next attempt; None where none can help, or none fits before the deadline."""
        if not _is_transient(error):
            return None
        backoff_s = self._times.model_backoff_s * 2**attempt * (0.75 + random.random() / 2)  # noqa: S311 - no secret
        pause_s = max(backoff_s, _retry_after_s(error) or 0.0)
        return pause_s if pause_s + _LEAST_S < seconds_left(otherwise=self._times.model_timeout_s) else None


def _is_transient(error: Exception) -> bool:
    """Whether the same request may be answered in a moment. A timeout is not repeated: the customer has waited."""
    if isinstance(error, openai.APITimeoutError):
        return isinstance(error.__cause__, httpx2.ConnectTimeout)
    if isinstance(error, openai.APIStatusError):
        return _is_passing(error.status_code) and error.code not in _NEVER
    if isinstance(error, ErrorInSuccess):
        return error.code is not None and _is_passing(error.code)
    if isinstance(error, NotJson):
        return not error.streams
    return _is_failed_response(error) or isinstance(error, openai.APIConnectionError | json.JSONDecodeError)


def _is_passing(status: int) -> bool:
    """501 and 505 say what a server will never do."""
    return status in _RETRIED or (status >= 500 and status not in (501, 505))


def _is_failed_response(error: Exception) -> bool:
    """Whether Responses told of an outage with status 200; the SDK keeps its code in the error's words alone."""
    return isinstance(error, ModelBehaviorError) and bool(_FAILED.search(str(error)))


def _as_ours(error: Exception) -> Exception:
    """Never with the server's words, which may quote a customer's; the SDK's own errors stay as they are."""
    if _is_failed_response(error):
        return ModelAway("the language model says that it failed", perhaps_billed=True)
    if isinstance(error, AgentsException | FteError):
        return error
    name = type(error).__name__
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        reached = not isinstance(error.__cause__, httpx2.ConnectTimeout)
        return ModelAway("the language model did not answer in time", perhaps_billed=reached)
    if isinstance(error, openai.APIConnectionError):
        reached = not isinstance(error.__cause__, httpx2.ConnectError)
        return ModelAway(f"the language model is not reached ({_cause(error)})", perhaps_billed=reached)
    if isinstance(error, openai.APIStatusError):
        return _refusal(error)
    if isinstance(error, ErrorInSuccess):
        return ModelAway(
            f"the language model's server answers with an error ({error.code or 'without a number'})", True
        )
    if isinstance(error, CutShort):
        read, written = error.took
        at = f" at {written} tokens" if written else ""
        limit = "FTE_MODEL_MAX_OUTPUT_TOKENS or the server's context"
        return ModelMisbehaved(f"the language model's answer was cut short{at} ({limit})", (read, written, 1))
    if isinstance(error, NotJson | json.JSONDecodeError):
        return ModelAway(f"what answers at OPENAI_BASE_URL is no language model ({name})", perhaps_billed=True)
    return ModelMisbehaved(f"the language model's answer is unreadable ({name})")


def _refusal(error: openai.APIStatusError) -> FteError:
    """What a status says. The server's words tell apart what they cannot, and are not handed on."""
    status = error.status_code
    if status in _OPERATORS or error.code in _NEVER:
        return ModelAway(f"the language model refuses us ({status}); check OPENAI_API_KEY, OPENAI_MODEL, FTE_MODEL_API")
    if 300 <= status < 400:
        return ModelAway(f"the language model is elsewhere ({status}); check OPENAI_BASE_URL")
    if status in _RETRIED or status >= 500:
        return ModelAway(f"the language model does not answer now ({status})")
    said = f"{error.code} {error.type} {error.message}"
    if status == 413 or _TOO_LONG.search(said):
        return ModelRefuses(
            f"the turn is too long for the language model ({status}); FTE_MODEL_PROMPT=compact asks for less"
        )
    if _WITHHELD.search(said):
        return ModelMisbehaved(f"the language model's server withholds its answer ({status})")
    return ModelRefuses(
        f"the language model refuses the request ({status}); check OPENAI_MODEL, FTE_MODEL_API, "
        "FTE_MODEL_TEMPERATURE, and that its server takes tools"
    )


def _cause(error: Exception) -> str:
    return type(error.__cause__ or error).__name__


def _retry_after_s(error: Exception) -> float | None:
    """What the server asks to wait (RFC 9110, 10.2.3, seconds or a date), None where it says nothing readable."""
    if not isinstance(error, openai.APIStatusError):
        return None
    said = error.response.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(said))
    except ValueError:
        date = email.utils.parsedate_tz(said)
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())
