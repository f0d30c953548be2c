"""The language model that the settings ask for: a server with OpenAI's API when a key is set, else the offline one."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

import httpx2
import openai
from agents import OpenAIChatCompletionsModel, OpenAIResponsesModel, set_tracing_disabled
from agents.model_settings import ModelSettings
from agents.models.interface import Model

from agent.times import Times
from models.api_client import without_walk
from models.offline import OfflineModel
from models.remote_model import RemoteModel, refuse_what_is_not_json

_TIMES = Times()
_OFFICIAL_HOST = "api.openai.com"
# A turn comes every few seconds on a quiet day: its connection, with its TLS handshake, should still stand.
_LIMITS = httpx2.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=60.0)


class ModelApi(StrEnum):
    """Which of OpenAI's two interfaces is spoken."""

    AUTO = "auto"
    """Responses with OpenAI's own server, Chat Completions with any other: that is what they all have."""
    RESPONSES = "responses"
    CHAT_COMPLETIONS = "chat_completions"


def make_model(
    *,
    api_key: str = "",
    base_url: str = "",
    name: str = "gpt-4o",
    api: ModelApi = ModelApi.AUTO,
    temperature: float | None = None,
    max_output_tokens: int = 1500,
    times: Times = _TIMES,
) -> Model:
    """`api_key` empty means offline, `base_url` empty OpenAI's own server; without `temperature` the server chooses."""
    set_tracing_disabled(True)  # invariant 10
    if not api_key:
        return OfflineModel()
    address = base_url or f"https://{_OFFICIAL_HOST}/v1"
    official = urlsplit(address).hostname == _OFFICIAL_HOST
    client = openai.AsyncOpenAI(
        api_key=api_key,
        base_url=address,
        timeout=times.model_timeout_s,
        max_retries=0,  # ours know the turn's deadline
        http_client=openai.DefaultAsyncHttpxClient(
            limits=_LIMITS,
            event_hooks={"response": [refuse_what_is_not_json]},
            follow_redirects=False,  # a redirect would take the customer's words to who knows where
        ),
    )
    by_responses = api is ModelApi.RESPONSES or (api is ModelApi.AUTO and official)
    asked = without_walk(client)
    inner: Model = OpenAIResponsesModel(name, asked) if by_responses else OpenAIChatCompletionsModel(name, asked)
    # OpenAI's newer models take no `max_tokens` in Chat Completions, and other servers know nothing else.
    renamed = official and not by_responses
    settings = ModelSettings(
        temperature=temperature,
        max_tokens=None if renamed else max_output_tokens,
        store=False if official else None,  # others may not know the field
        extra_args={"max_completion_tokens": max_output_tokens} if renamed else None,
    )
    return RemoteModel(inner, settings, times, client=client)
