"""Delivers what the outbox holds, and fetches what providers have for us.

The mailbox is read here too, because reading and sending share Gmail's quota of it, which one process can keep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ray import serve

from agent.records import Channel
from agent.workers.delivery import DeliveryLoop
from crm.confirmations import Confirmations
from crm.database import Database
from crm.notifier import DELIVERY_PAUSE_S, Notifier
from crm.outbox import Outbox
from crm.work import DELIVERED_CHANNEL, OUTBOX_CHANNEL, WorkQueue
from deployments.background import BackgroundLoop, Loop
from deployments.measures import ReplicaMeasures, of_database
from deployments.priority import settle_down
from deployments.startup import start_replica

_DRAIN_S = 12.0


@serve.deployment
class Courier:
    """Its loops live in the replica; it serves no requests.

    What takes long to import is imported here and not above: whoever builds the application need not wait for it.
    """

    async def __init__(self, settings_factory: str) -> None:  # type: ignore[misc]  # Serve awaits it
        from channels.web_form.confirmation_mail import ConfirmationMails, ConfirmingSender
        from channels.web_form.tokens import ConfirmationTokens
        from deployments.providers import connect_providers, lanes_of

        settings = start_replica(settings_factory)
        self._database = Database(settings.dsn(), settings.times, "fte-courier", pool_size=3)
        self._queue = WorkQueue(self._database)
        self._providers = connect_providers(settings, self._database, self._queue)
        self._confirmations, self._form_mail = Confirmations(self._database), settings.form_mail
        tokens = ConfirmationTokens(settings.token_secret)
        mails = ConfirmationMails(tokens, settings.base_url, settings.times.confirmation_s)
        senders = dict(self._providers.senders)
        senders[Channel.EMAIL] = ConfirmingSender(senders[Channel.EMAIL], mails)
        deliveries: list[DeliveryLoop] = []
        delivered = Notifier(self._queue, DELIVERED_CHANNEL, DELIVERY_PAUSE_S)

        def tell() -> None:
            delivered.notify()
            for each in deliveries:
                each.wake()  # a copy by mail leaves when its message has left by the form

        deliveries += (
            DeliveryLoop(
                Outbox(self._database, self._providers.rates, channels), senders, self._listen, tell, settings.times
            )
            for channels in lanes_of(self._providers.apart)
        )
        await settle_down()
        loops: dict[str, Loop] = dict(self._providers.loops)
        loops |= {f"courier {number}" if number else "courier": each for number, each in enumerate(deliveries)}
        self._background = [BackgroundLoop(name, loop) for name, loop in loops.items()]
        self._measures = ReplicaMeasures(
            {
                **of_database(self._database),
                "fte_replica_loop_beat_age_seconds": lambda: max(each.heartbeat.age_s() for each in deliveries),
            }
        )

    def check_health(self) -> None:
        for loop in self._background:
            loop.check()

    async def __del__(self) -> None:
        self._measures.stop()
        await asyncio.gather(*(loop.drain(_DRAIN_S) for loop in self._background))
        await self._providers.close()
        await self._database.close()

    async def _listen(
        self, on_notify: Callable[[], None], on_lost: Callable[[], None]
    ) -> Callable[[], Awaitable[None]]:
        # Where a database is reached first, and again after it was away.
        await self._confirmations.switch_mail(on=self._form_mail)
        return await self._queue.listen(on_notify, OUTBOX_CHANNEL, on_lost)
