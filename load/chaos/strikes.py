"""Kill, and wait until what was killed is back."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import asyncpg
import httpx
import psutil

from agent.errors import FteError
from load.chaos.schedule import Strike
from load.chaos.victims import POSTGRES, Kind, Victims
from serve_app.options import APP_NAME
from serve_app.supervisor.serve_client import Rollout, ServeClient

_LOOK_AGAIN_S = 0.1


@dataclass(slots=True)
class Kill:
    """`at` on the monotonic clock; `back_s` after it the kind was whole again, None when it has not come back."""

    kind: Kind
    pid: int
    at: float
    back_s: float | None = None


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the copy answers."""

    form_url: str
    dsn: str
    serve: ServeClient


class Striker:
    """Kills processes of one copy. `patience_s` bounds how long a kind may take to come back."""

    def __init__(
        self, victims: Victims, addresses: Addresses, patience_s: float, on_change: Callable[[Kill], None]
    ) -> None:
        self._victims = victims
        self._addresses = addresses
        self._patience_s = patience_s
        self._on_change = on_change
        self._recovering: set[asyncio.Task[None]] = set()
        self.kills: list[Kill] = []

    async def strike(self, strike: Strike) -> Kill:
        """Wait the strike's pause, kill one process, and watch for its return in the background.

        A kind of which there is no process within the patience is recorded as one that did not come back.
        """
        if not strike.overlapping:
            await self.settle()
        await asyncio.sleep(strike.pause_s)
        while True:
            process = await self._choose(strike)
            before = await self._pids(strike.kind)
            kill = Kill(strike.kind, process.pid if process else 0, time.monotonic())
            if process is None:
                break
            # It may have ended by itself since it was chosen; then another one dies.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
                self._recovering.add(asyncio.create_task(self._watch(kill, before)))
                break
        self.kills.append(kill)
        self._on_change(kill)
        return kill

    async def settle(self) -> None:
        """Wait until everything that was killed is back, or has had its patience."""
        while self._recovering:
            await asyncio.wait(self._recovering)
            self._recovering = {task for task in self._recovering if not task.done()}

    async def close(self) -> None:
        """Give up watching."""
        for task in self._recovering:
            task.cancel()
        await asyncio.gather(*self._recovering, return_exceptions=True)

    async def _choose(self, strike: Strike) -> psutil.Process | None:
        until = time.monotonic() + self._patience_s
        # Another process decides when there is one again.
        while not (found := await asyncio.to_thread(self._victims.find, strike.kind)):
            if time.monotonic() > until:
                return None
            await asyncio.sleep(_LOOK_AGAIN_S)
        # Of several HAProxies the newest takes the new connections; the others only end their old ones.
        return found[-1] if strike.kind is Kind.HAPROXY else found[int(strike.pick * len(found))]

    async def _watch(self, kill: Kill, before: frozenset[int]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while not await self._is_back(kill, before):  # noqa: ASYNC110  # likewise
                    await asyncio.sleep(_LOOK_AGAIN_S)
                kill.back_s = time.monotonic() - kill.at
        self._on_change(kill)

    async def _is_back(self, kill: Kill, before: frozenset[int]) -> bool:
        pids = await self._pids(kill.kind)
        if kill.kind in POSTGRES:
            # One killed backend takes all others with it, since it may have spoilt the memory that they share.
            return not pids & before and await self._database_answers()
        if not pids - {kill.pid} or kill.pid in pids:
            return False
        if kill.kind is Kind.LOCK:
            return True
        if kill.kind is Kind.HAPROXY:
            return await self._form_answers()
        rollout = await asyncio.to_thread(self._fetch_rollout)
        if rollout is None or not await self._form_answers():
            return False
        if kill.kind.deployment is None:
            return rollout.status == "RUNNING"
        running, wanted = rollout.replicas.get(kill.kind.deployment, (0, 1))
        return running >= wanted and len(pids) >= wanted

    async def _pids(self, kind: Kind) -> frozenset[int]:
        return await asyncio.to_thread(self._victims.pids, kind)

    def _fetch_rollout(self) -> Rollout | None:
        try:
            return self._addresses.serve.rollout(APP_NAME)
        except (FteError, httpx.HTTPError):
            return None

    async def _database_answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self._addresses.dsn, timeout=2)
            await connection.close()
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return False
        return True

    async def _form_answers(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=3.0, trust_env=False) as client:
                answer = await client.get(f"{self._addresses.form_url}health")
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK
