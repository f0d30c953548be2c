"""Long computation with a few awaits in it, beside the event loop that serves requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from agent.ports import Embedder, Embeddings

Result = TypeVar("Result")


async def with_embedder_off_loop(work: Callable[[Embedder], Awaitable[Result]], embedder: Embedder) -> Result:
    """Run `work` in a thread on a loop of its own; its embeddings still come from `embedder` on this loop."""
    home = asyncio.get_running_loop()

    class Bridge:
        async def embed(self, texts: Sequence[str]) -> Embeddings:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_embed(embedder, texts), home))

    async def run() -> Result:
        return await work(Bridge())

    return await asyncio.to_thread(asyncio.run, run())


async def _embed(embedder: Embedder, texts: Sequence[str]) -> Embeddings:
    return await embedder.embed(texts)
