"""How many turns the agents can take now."""

from __future__ import annotations

import asyncio
import contextlib

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.schema import ReplicaState


class AgentCapacity:
    """Counts the running replicas of a deployment. It never raises: without an answer the last one stands."""

    def __init__(self, app_name: str, deployment: str, per_replica: int) -> None:
        self._app_name = app_name
        self._deployment = deployment
        self._per_replica = per_replica
        self._replicas = 1

    def credits(self) -> int:
        return self._replicas * self._per_replica

    async def watch(self, period_s: float) -> None:
        """Keep the count up to date, for ever."""
        while True:
            with contextlib.suppress(RayError, RayServeException, KeyError):
                self._replicas = max(1, await asyncio.to_thread(self._count))
            await asyncio.sleep(period_s)

    def _count(self) -> int:
        application = serve.status().applications[self._app_name]
        states: dict[ReplicaState, int] = application.deployments[self._deployment].replica_states
        return states.get(ReplicaState.RUNNING, 0)
