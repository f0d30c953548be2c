"""What the detailed health report asks of the parts that are not the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ray.serve.handle import DeploymentHandle

from agent.times import Times
from deployments.lock_client import ActorLocks

Probe = Callable[[], Awaitable[Mapping[str, Any]]]


def make_probes(
    embedding: DeploymentHandle, dispatcher: DeploymentHandle, lock_shards: int, times: Times
) -> Mapping[str, Probe]:
    """By the name of the part. A probe raises when its part does not answer."""
    locks = ActorLocks(lock_shards, times)

    async def ask_embedding() -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await embedding.describe.remote()
        return answer

    async def ask_dispatcher() -> Mapping[str, Any]:
        answer: Mapping[str, Any] = await dispatcher.describe.remote()
        return answer

    return {"embedding": ask_embedding, "dispatcher": ask_dispatcher, "lock_shards": locks.describe}
