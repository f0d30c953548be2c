"""The language model: any OpenAI-compatible server when a key is set, else the offline one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import openai
from agents import OpenAIChatCompletionsModel, set_tracing_disabled
from agents.items import ModelResponse, TResponseInputItem, TResponseStreamEvent
from agents.model_settings import ModelSettings
from agents.models.interface import Model

from agent.errors import ModelAway, ModelMisbehaved
from models.offline import OfflineModel

_OFFICIAL = "https://api.openai.com"


def make_model(*, api_key: str = "", base_url: str = "", name: str = "gpt-4o", timeout_s: float = 30.0) -> Model:
    """The model that the settings ask for. `api_key` empty means offline; `base_url` empty means OpenAI's own."""
    set_tracing_disabled(True)  # invariant 10
    if not api_key:
        return OfflineModel()
    client = openai.AsyncOpenAI(
        api_key=api_key,
        base_url=base_url or f"{_OFFICIAL}/v1",
        timeout=timeout_s,
        max_retries=1,
    )
    return RemoteModel(OpenAIChatCompletionsModel(name, client), official=not base_url)


class RemoteModel(Model):
    """A server's model with its failures as ours: away (a retry can help) or misbehaved (it cannot)."""

    def __init__(self, inner: Model, *, official: bool) -> None:
        """`official`: only OpenAI's own server is told not to store; others may not know the field."""
        self._inner = inner
        self._settings = ModelSettings(store=False if official else None)

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        *args: Any,
        **options: Any,
    ) -> ModelResponse:
        settings = model_settings.resolve(self._settings)
        try:
            return await self._inner.get_response(system_instructions, input, settings, *args, **options)
        except (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError) as error:
            raise ModelAway(f"the language model does not answer now ({type(error).__name__})") from error
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            # A wrong key or model name is the operator's to repair: customers wait for it, none is dropped.
            raise ModelAway(f"the language model refuses us ({error.status_code}); check OPENAI_*") from error
        except openai.APIStatusError as error:
            if error.status_code in (408, 409, 425):
                raise ModelAway(f"the language model does not answer now ({error.status_code})") from error
            raise ModelMisbehaved(f"the language model refused the request ({error.status_code})") from error
        except (openai.OpenAIError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise ModelMisbehaved(f"the language model's answer is unreadable ({type(error).__name__})") from error

    def stream_response(self, *args: Any, **options: Any) -> AsyncIterator[TResponseStreamEvent]:
        raise NotImplementedError("turns are not streamed: a reply is checked whole before anyone sees it")

    async def close(self) -> None:
        await self._inner.close()
