"""Runs turns: everything of `agent.workers.turn_worker` with the database, the lock actors and the models' handles."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from ray import serve
from ray.serve.handle import DeploymentHandle

from agent.records import CustomerId
from agent.workers.pace import TurnPace
from agent.workers.together import Ended, run_together
from deployments.handles import EmbeddingHandle, SentimentHandle
from deployments.lock_client import ActorLocks
from deployments.measures import ReplicaMeasures, of_database, of_turns
from deployments.priority import settle_down, start_beside_others
from deployments.startup import start_replica


@serve.deployment
class Agent:
    """Many turns at once in one event loop, each of another customer.

    What takes long to import is imported here and not above: whoever builds the application need not wait for it.
    """

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings_factory: str, embedding: DeploymentHandle, sentiment: DeploymentHandle, turns_at_once: int
    ) -> None:
        await start_beside_others(serve.get_replica_context().rank.rank)
        settings = start_replica(settings_factory)
        times = settings.times
        # The lock actors load beside what follows.
        locks = ActorLocks(settings.lock_shards, times)
        await locks.open()
        from agent.workers.turn_worker import TurnWorker
        from crm.database import Database
        from crm.notifier import DELIVERY_PAUSE_S, Notifier
        from crm.service_rules import RememberedRules
        from crm.turns import PostgresTurns
        from crm.work import OUTBOX_CHANNEL, WorkQueue
        from deployments.turn_services import LiveTurnServices

        self._database = Database(settings.dsn(), times, "fte-agent")
        self._outbox_wake_up = Notifier(WorkQueue(self._database), OUTBOX_CHANNEL, DELIVERY_PAUSE_S)
        opening_hours = RememberedRules(self._database).opening_hours
        self._services = LiveTurnServices(
            settings,
            self._database,
            EmbeddingHandle(embedding, times.embed_timeout_s),
            SentimentHandle(sentiment, times.embed_timeout_s),
            opening_hours,
        )
        self._services.start()
        self._pace = TurnPace(turns_at_once)
        self._worker = TurnWorker(
            PostgresTurns(self._database, opening_hours),
            locks,
            self._services.get,
            times,
            holder=serve.get_replica_context().replica_tag,
        )
        resting = {"fte_replica_model_resting": lambda: float(self._services.model_resting)}
        self._measures = ReplicaMeasures(of_database(self._database) | of_turns(self._pace, locks) | resting)
        self._settling = asyncio.create_task(self._settle())

    async def turn(self, customer_id: CustomerId) -> bool:
        """Run the turn of one burst of this customer; False when nothing came of it and a pause is due."""
        # Nothing is locked or leased while a turn waits for its place.
        entered, overloaded = await self._pace.enter(), None
        try:
            result = await self._worker.process(customer_id)
            if result.status in ("committed", "dependency_away"):
                overloaded = result.status == "dependency_away"
        finally:
            self._pace.leave(entered, overloaded=overloaded)
        if result.status == "committed":
            self._outbox_wake_up.notify()
        return result.status in ("committed", "fence_lost")

    async def turns(self, customers: Sequence[CustomerId]) -> AsyncIterator[list[Ended]]:
        """Run the turns of several customers, all at once; yields those that have ended, as `turn` returns them."""
        async for ended in run_together(self.turn, customers):
            yield ended

    async def _settle(self) -> None:
        await self._services.settled()
        await settle_down()

    async def __del__(self) -> None:
        self._settling.cancel()
        self._measures.stop()
        await self._services.close()
        await self._database.close()
