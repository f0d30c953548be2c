"""Customers who hold conversations: write, wait for the reply, think, write again."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from load.form_client import FormClient, Ticket


@dataclass(slots=True)
class Tally:
    conversations: int = 0
    messages: int = 0
    replies: int = 0
    given_up: int = 0
    """Messages whose reply did not come while their customer waited."""


@dataclass(slots=True)
class Crowd:
    """`size` customers; each begins within the first think time, so that the load is even from the start."""

    form: FormClient
    texts: Sequence[str]
    size: int
    think_s: float
    look_s: float = 1.0
    patience_s: float = 30.0
    seed: int = 11
    tally: Tally = field(default_factory=Tally)

    async def run(self, duration_s: float) -> None:
        """No message is written later than `duration_s`; returns when the last reply is there or given up."""
        until = time.monotonic() + duration_s
        await asyncio.gather(*(self._converse(number, until) for number in range(self.size)))

    async def _converse(self, number: int, until: float) -> None:
        source = random.Random(self.seed * 1_000_003 + number)
        await asyncio.sleep(self.think_s * (number + source.random()) / self.size)
        if time.monotonic() >= until:
            return
        ticket = await self.form.submit(source.choice(self.texts))
        self.tally.messages += 1
        if ticket is None:
            return
        self.tally.conversations += 1
        replies = 0
        while True:
            replies = await self._wait_for_reply(ticket, replies)
            await asyncio.sleep(self.think_s * source.uniform(0.5, 1.5))
            if time.monotonic() >= until:
                return
            self.tally.messages += 1
            await self.form.write_on(ticket, source.choice(self.texts))

    async def _wait_for_reply(self, ticket: Ticket, seen: int) -> int:
        """The number of replies now; a page that does not answer is looked at again."""
        deadline = time.monotonic() + self.patience_s
        while time.monotonic() < deadline:
            await asyncio.sleep(self.look_s)
            try:
                replies = await self.form.count_replies(ticket)
            except (OSError, TimeoutError):
                continue
            if replies > seen:
                self.tally.replies += replies - seen
                return replies
        self.tally.given_up += 1
        return seen
