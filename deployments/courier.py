"""Delivers what the outbox holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ray import serve

from agent.records import Channel
from agent.workers.delivery import DeliveryLoop
from channels.stored import StoredSender
from crm.database import Database
from crm.notifier import Notifier
from crm.outbox import Outbox
from crm.work import DELIVERED_CHANNEL, OUTBOX_CHANNEL, WorkQueue
from deployments.background import BackgroundLoop
from deployments.measures import ReplicaMeasures, of_database
from deployments.startup import start_replica

_DRAIN_S = 12.0


@serve.deployment
class Courier:
    """Its loop lives in the replica; it serves no requests."""

    async def __init__(self, settings_factory: str) -> None:  # type: ignore[misc]  # Serve awaits it
        settings = start_replica(settings_factory)
        self._database = Database(settings.dsn(), settings.times, "fte-courier", pool_size=2)
        self._queue = WorkQueue(self._database)
        senders = {channel: StoredSender(channel.value) for channel in Channel}
        loop = DeliveryLoop(
            Outbox(self._database),
            senders,
            self._listen,
            Notifier(self._queue, DELIVERED_CHANNEL).notify,
            settings.times,
        )
        self._background = BackgroundLoop("courier", loop)
        self._measures = ReplicaMeasures(
            {**of_database(self._database), "fte_replica_loop_beat_age_seconds": loop.heartbeat.age_s}
        )

    def check_health(self) -> None:
        self._background.check()

    async def __del__(self) -> None:
        self._measures.stop()
        await self._background.drain(_DRAIN_S)
        await self._database.close()

    async def _listen(
        self, on_notify: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Awaitable[None]]:
        return await self._queue.listen(on_notify, OUTBOX_CHANNEL, on_lost)
