"""Delivers what the outbox holds, and reads the mailbox.

Both are in one place because they share Gmail's quota of the mailbox, which one process can keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ray import serve

from agent.ports import Sender
from agent.records import Channel
from agent.workers.delivery import DeliveryLoop
from channels.stored import StoredSender
from crm.database import Database
from crm.notifier import Notifier
from crm.outbox import Outbox
from crm.work import DELIVERED_CHANNEL, OUTBOX_CHANNEL, WorkQueue
from deployments.background import BackgroundLoop
from deployments.mail_channel import open_mail_channel
from deployments.measures import ReplicaMeasures, of_database
from deployments.startup import start_replica

_DRAIN_S = 12.0


@serve.deployment
class Courier:
    """Its loops live in the replica; it serves no requests."""

    async def __init__(self, settings_factory: str) -> None:  # type: ignore[misc]  # Serve awaits it
        settings = start_replica(settings_factory)
        self._database = Database(settings.dsn(), settings.times, "fte-courier", pool_size=3)
        self._queue = WorkQueue(self._database)
        outbox = Outbox(self._database)
        self._mail = open_mail_channel(settings, self._database, outbox)
        senders: dict[Channel, Sender] = {channel: StoredSender(channel.value) for channel in Channel}
        senders[Channel.EMAIL] = self._mail.sender
        loop = DeliveryLoop(
            outbox,
            senders,
            self._listen,
            Notifier(self._queue, DELIVERED_CHANNEL).notify,
            settings.times,
        )
        self._background = BackgroundLoop("courier", loop)
        self._mailbox = BackgroundLoop("mailbox", self._mail.loop)
        self._measures = ReplicaMeasures(
            {**of_database(self._database), "fte_replica_loop_beat_age_seconds": loop.heartbeat.age_s}
        )

    def check_health(self) -> None:
        self._background.check()
        self._mailbox.check()

    async def __del__(self) -> None:
        self._measures.stop()
        await asyncio.gather(self._background.drain(_DRAIN_S), self._mailbox.drain(_DRAIN_S))
        await self._mail.close()
        await self._database.close()

    async def _listen(
        self, on_notify: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Awaitable[None]]:
        return await self._queue.listen(on_notify, OUTBOX_CHANNEL, on_lost)
