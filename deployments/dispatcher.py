"""Schedules turns: finds the customers that are due and asks the agents. Beside that it does what time brings: raises
escalations again that nobody takes, and closes conversations that have gone quiet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from ray import serve
from ray.serve.handle import DeploymentHandle

from agent.records import CustomerId
from agent.workers.aftercare import AftercareLoop
from agent.workers.dispatch import DispatchLoop
from agent.workers.together import Ended
from crm.aftercare import Aftercare
from crm.database import Database
from crm.notifier import Notifier
from crm.service_rules import RememberedRules
from crm.work import DESK_CHANNEL, WorkQueue
from deployments.background import BackgroundLoop
from deployments.capacity import AgentCapacity
from deployments.measures import ReplicaMeasures, of_database
from deployments.startup import start_replica

_DRAIN_S = 5.0
_CAPACITY_PERIOD_S = 5.0


@serve.deployment
class Dispatcher:
    """Its loops live in the replica; it serves no requests."""

    async def __init__(  # type: ignore[misc]  # Serve awaits it
        self, settings_factory: str, agent: DeploymentHandle, turns_per_agent: int
    ) -> None:
        settings = start_replica(settings_factory)
        times = settings.times
        self._agent = agent
        self._agent_stream = agent.options(stream=True)
        self._database = Database(settings.dsn(), times, "fte-dispatcher", pool_size=3)
        capacity = AgentCapacity(serve.get_replica_context().app_name, agent.deployment_name, turns_per_agent)
        self._watch = asyncio.create_task(capacity.watch(_CAPACITY_PERIOD_S))
        queue = WorkQueue(self._database)
        self._dispatch = DispatchLoop(queue, self._run_turns, capacity.credits, times)
        self._background = BackgroundLoop("dispatcher", self._dispatch)
        self._measures = ReplicaMeasures(
            {
                **of_database(self._database),
                "fte_replica_customers_in_hand": lambda: self._dispatch.in_hand,
                "fte_replica_turn_credits": capacity.credits,
                "fte_replica_loop_beat_age_seconds": self._dispatch.heartbeat.age_s,
            }
        )
        wake_desks = Notifier(queue, DESK_CHANNEL).notify
        rules = RememberedRules(self._database).all
        self._aftercare = BackgroundLoop(
            "aftercare", AftercareLoop(Aftercare(self._database), rules, wake_desks, times)
        )

    def check_health(self) -> None:
        self._background.check()
        self._aftercare.check()

    async def describe(self) -> dict[str, int]:
        return {"in_hand": self._dispatch.in_hand}

    async def __del__(self) -> None:
        self._watch.cancel()
        self._measures.stop()
        await asyncio.gather(self._background.drain(_DRAIN_S), self._aftercare.drain(_DRAIN_S))
        await self._database.close()

    async def _run_turns(self, customers: Sequence[CustomerId]) -> AsyncIterator[Sequence[Ended]]:
        if len(customers) > 1:
            async for ended in self._agent_stream.turns.remote(customers):
                yield ended
            return
        # A lone turn has one end to tell, for which a plain call does.
        for customer_id in customers:
            yield [(customer_id, await self._agent.turn.remote(customer_id))]
