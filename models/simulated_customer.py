"""A customer played by the configured language model: it knows what it wants and finds its own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import openai

from agent.errors import ModelAway
from models.conversations import ConversationCase, CustomerWrites, PersonActs

_MESSAGES_MAX = 6
_CHARS_MAX = 1_500
_END = "DONE"
_MANNERS = {"email": "an e-mail", "whatsapp": "a short WhatsApp message", "web_form": "a message in a web form"}
_ROLE = """\
You play a customer of TaskFlow, a project management tool, who writes to its support. You are not the support.
What you want and know: {goal}
Write {manner}, one at a time, as such a customer would: in your own words, without markup and without a signature. \
Ask what you still need. Invent no facts about the product.
When you have what you wanted, or were told that a person will answer, write {end} and nothing else."""


class ModelCustomer:
    """Implements models.conversations.SimulatedCustomer. It opens as the case's script does, so that all replays are
    about the same matter; what follows is its own, so nothing is expected of single turns."""

    def __init__(self, client: openai.AsyncOpenAI, model: str, case: ConversationCase) -> None:
        self._client = client
        self._model = model
        self._case = case
        self._written = 0

    async def next_step(self, said: Sequence[tuple[str, str]]) -> CustomerWrites | PersonActs | None:
        """Raises ModelAway when the model does not answer."""
        if self._written == _MESSAGES_MAX:
            return None
        text = self._case.opening if not said else await self._ask(said)
        if not text or _END in text:
            return None
        self._written += 1
        return CustomerWrites(customer=(text[:_CHARS_MAX],))

    async def _ask(self, said: Sequence[tuple[str, str]]) -> str:
        role = _ROLE.format(goal=self._case.goal, manner=_MANNERS[self._case.channel.value], end=_END)
        # To the model that plays the customer, the customer's words are its own.
        messages: list[Any] = [{"role": "system", "content": role}]
        messages += [{"role": "assistant" if who == "customer" else "user", "content": text} for who, text in said]
        try:
            answer = await self._client.chat.completions.create(model=self._model, messages=messages)
        except openai.OpenAIError as error:
            raise ModelAway(f"the model that plays the customer does not answer ({type(error).__name__})") from error
        return (answer.choices[0].message.content or "").strip() if answer.choices else ""
