"""Customers who hold conversations: write, wait for the reply, think, write again."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from load.form_client import FormClient, Ticket

_SHORTEST, _LONGEST = 0.5, 1.5
"""Pauses, as shares of their mean."""


@dataclass(slots=True)
class Tally:
    conversations: int = 0
    messages: int = 0
    replies: int = 0
    given_up: int = 0
    """Messages whose reply did not come while their customer waited."""


@dataclass(slots=True)
class Crowd:
    """`size` customers who seem to have been at it for long, so that the load is even from the start."""

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
        if not await _think(pause_under_way_s(source, self.think_s), until):
            return
        ticket = await self.form.submit(source.choice(self.texts))
        self.tally.messages += 1
        if ticket is None:
            return
        self.tally.conversations += 1
        replies = 0
        while True:
            replies = await self._wait_for_reply(ticket, replies)
            if not await _think(pause_s(source, self.think_s), until):
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


async def _think(for_s: float, until: float) -> bool:
    """False at once when the run is over by then."""
    if time.monotonic() + for_s >= until:
        return False
    await asyncio.sleep(for_s)
    return True


def pause_s(source: random.Random, think_s: float) -> float:
    """How long a customer thinks: between half and one and a half of `think_s`, which is the mean."""
    return think_s * source.uniform(_SHORTEST, _LONGEST)


def pause_under_way_s(source: random.Random, think_s: float) -> float:
    """What is left of a pause at a moment that has nothing to do with its beginning.

    A longer pause is likelier to be met, in proportion to its length, and is met at any point of it. Customers who all
    began within one pause would write their first and their second messages on top of each other (renewal theory: Cox,
    Renewal Theory, 1962, chapter 5).
    """
    met = math.sqrt(_SHORTEST**2 + source.random() * (_LONGEST**2 - _SHORTEST**2))
    return think_s * met * source.random()
