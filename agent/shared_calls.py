"""Small requests that share calls, where a call costs more than what most of them ask: a model, a transaction."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Request(Generic[Item, Answer]):
    items: list[Item]
    answer: asyncio.Future[Answer]


def _cut(answer: Any, part: slice) -> Any:
    return answer[part]


class SharedCalls(Generic[Item, Answer]):
    """Who comes while `in_flight` calls are under way waits for the next one, together with the others.

    A lone request starts at once. With `every_s`, calls begin at least so far apart, so that under load each carries
    more; without it there is no wait. A joint call that fails is repeated for each request alone when
    `alone` says that its error is one request's own fault; any other error, and without it every one, is everybody's.
    """

    def __init__(
        self,
        call: Callable[[list[Item]], Awaitable[Answer]],
        take: Callable[[Answer, slice], Answer] = _cut,
        *,
        alone: type[Exception] | None = None,
        in_flight: int = 2,
        max_items: int = 32,
        every_s: float = 0.0,
    ) -> None:
        """`take` cuts a request's part out of a joint answer, which is in the order of the items."""
        self._call = call
        self._take = take
        self._alone = alone
        self._in_flight = in_flight
        self._max_items = max_items
        self._every_s = every_s
        self._next_at = 0.0
        self._waiting: deque[_Request[Item, Answer]] = deque()
        # Counted by the workers themselves: a task that has ended is told to others a step later, and whoever asks
        # in that step would wait for a worker that is gone.
        self._workers = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, items: Sequence[Item]) -> Answer:
        request: _Request[Item, Answer] = _Request(list(items), asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        if self._workers < self._in_flight:
            self._workers += 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await request.answer

    async def settled(self) -> None:
        """Wait until every request that was made has its answer."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._keep_apart()
                batch = self._next_batch()
                # Nobody waits for the answer of a call that asks nothing, so it keeps no request away.
                if any(request.items for request in batch):
                    self._next_at = time.monotonic() + self._every_s
                if batch:
                    await self._answer(batch)
        finally:
            self._workers -= 1

    async def _keep_apart(self) -> None:
        """Wait until the next call may begin."""
        wait_s = self._next_at - time.monotonic()
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def _next_batch(self) -> list[_Request[Item, Answer]]:
        """The oldest requests that fit one call, at least one; those given up are dropped."""
        batch: list[_Request[Item, Answer]] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].items) <= self._max_items):
            request = self._waiting.popleft()
            if not request.answer.done():
                batch.append(request)
                size += len(request.items)
        return batch

    async def _answer(self, batch: list[_Request[Item, Answer]]) -> None:
        try:
            joint = await self._call([item for request in batch for item in request.items])
        except Exception as error:
            if self._alone is not None and isinstance(error, self._alone) and len(batch) > 1:
                for request in batch:
                    await self._answer([request])
                return
            for request in batch:
                if not request.answer.done():
                    request.answer.set_exception(error)
            return
        start = 0
        for request in batch:
            end = start + len(request.items)
            if not request.answer.done():
                request.answer.set_result(self._take(joint, slice(start, end)))
            start = end
