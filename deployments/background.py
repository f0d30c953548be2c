"""A loop that lives in a replica: started with it, watched by its health check, drained when it stops."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agent.workers.heartbeat import Heartbeat


class Loop(Protocol):
    @property
    def heartbeat(self) -> Heartbeat: ...

    async def run(self) -> None: ...

    def stop(self) -> None: ...


class BackgroundLoop:
    """Runs `loop` on the running event loop from construction on."""

    def __init__(self, name: str, loop: Loop) -> None:
        self._name = name
        self._loop = loop
        self._task = asyncio.create_task(loop.run(), name=name)

    def check(self) -> None:
        """Raise RuntimeError when the loop ended or stands still; an outage of the database is neither."""
        if self._task.done():
            raise RuntimeError(f"the {self._name} loop has ended") from (
                None if self._task.cancelled() else self._task.exception()
            )
        self._loop.heartbeat.check(self._name)

    async def drain(self, timeout_s: float) -> None:
        """Let what is in hand end; what does not in time is cancelled, and its lease covers the rest."""
        self._loop.stop()
        await asyncio.wait([self._task], timeout=timeout_s)
        self._task.cancel()
        await asyncio.wait([self._task], timeout=1)
