"""What the Serve application is compared with: one uvicorn process with the same core in it, and no Ray.

The same ingress, turns, outbox and channels on one event loop (uvloop, httptools) over the same Postgres; the
embedding model runs on a thread beside it and batches what waits. It needs no lock actors: there is one process.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
import uvloop

from agent.records import Channel, CustomerId
from agent.workers.delivery import DeliveryLoop
from agent.workers.dispatch import DispatchLoop
from agent.workers.together import run_together
from agent.workers.turn_worker import WorkStatus
from channels.stored import StoredSender
from crm.database import Database
from crm.notifier import DELIVERY_PAUSE_S, Notifier
from crm.outbox import Outbox
from crm.work import OUTBOX_CHANNEL, WorkQueue
from deployments.logs import configure_logging
from deployments.web.app import create_app
from deployments.web.services import connect_services
from serve_app.in_process import open_in_process
from serve_app.settings import Settings, key_files, load_settings
from serve_app.supervisor.data import FollowedKnowledge, migrate_database
from serve_app.supervisor.lock import HomeLock, RunningCopy
from serve_app.supervisor.run_folder import ensure_key

_TURNS_AT_ONCE = 32
_POOL_SIZE = 16
# The event loop has the other core.
_TORCH_THREADS = 1
_SETTLED = frozenset({WorkStatus.COMMITTED, WorkStatus.FENCE_LOST})


@asynccontextmanager
async def workers(settings: Settings, database: Database) -> AsyncIterator[None]:
    """Turns and deliveries run inside the block; what is in hand at its end is finished."""
    times = settings.times
    queue = WorkQueue(database)
    outbox_wake_up = Notifier(queue, OUTBOX_CHANNEL, DELIVERY_PAUSE_S)
    async with open_in_process(settings, database=database, torch_threads=_TORCH_THREADS) as core:

        async def run_turn(customer_id: CustomerId) -> bool:
            result = await core.worker.process(customer_id)
            if result.status is WorkStatus.COMMITTED:
                outbox_wake_up.notify()
            return result.status in _SETTLED

        async def listen(on_notify: Callable[[], None], on_lost: Callable[[], None]) -> Callable[[], Awaitable[None]]:
            return await queue.listen(on_notify, OUTBOX_CHANNEL, on_lost)

        senders = {channel: StoredSender(channel.value) for channel in Channel}
        loops = (
            DispatchLoop(queue, partial(run_together, run_turn), lambda: _TURNS_AT_ONCE, times),
            DeliveryLoop(Outbox(database), senders, listen, lambda: None, times),
        )
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        try:
            yield
        finally:
            for loop in loops:
                loop.stop()
            await asyncio.wait(tasks, timeout=times.lease_s)


class AnnouncedServer(uvicorn.Server):
    """Says where it is as `fte up` does, once it listens."""

    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        copy = RunningCopy(os.getpid(), 0, f"{self._settings.base_url}/", "", "")
        HomeLock(self._settings.home).announce(copy)


async def main() -> None:
    """Serve until SIGTERM, announced as `fte up` announces itself."""
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    database = Database(settings.dsn(), settings.times, "fte-baseline", pool_size=_POOL_SIZE)
    services = connect_services(database, operator_key=settings.operator_key, token_secret=settings.token_secret)
    config = uvicorn.Config(
        create_app(services), host=settings.api_host, port=settings.api_port, http="httptools",
        log_level="warning", access_log=False, timeout_keep_alive=75,
    )  # fmt: skip
    async with workers(settings, database):
        await AnnouncedServer(config, settings).serve()
    await database.close()


def prepare() -> None:
    """Keys, schema and knowledge, as `fte up` makes them."""
    for file in key_files(load_settings().home).values():
        ensure_key(file)
    load_settings.cache_clear()
    settings = load_settings()
    migrate_database(settings.dsn())
    FollowedKnowledge(settings).sync()


if __name__ == "__main__":
    prepare()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
