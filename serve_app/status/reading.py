"""Asks a running copy how it does: its lock, the HTTP port, Serve, and the database, all at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import httpx

from agent.errors import ConfigurationInvalid, DependencyAway
from crm.database import Database
from crm.metrics import Metrics
from deployments.mail_state import alarms_over
from deployments.model_state import LanguageModelProbe
from serve_app.options import APP_NAME
from serve_app.settings import Settings
from serve_app.status.snapshot import WINDOW_MIN, Figures, Replicas, Snapshot
from serve_app.supervisor.lock import HomeLock, RunningCopy
from serve_app.supervisor.run_folder import Ports
from serve_app.supervisor.serve_client import Rollout, ServeClient

_PATIENCE_S = 3.0


class StatusReader:
    """Keeps its connections from one look to the next. Raises nothing for what does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = HomeLock(settings.home)
        self._http = httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False)
        self._database: Database | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        if self._database is not None:
            await self._database.close()

    async def read(self) -> Snapshot:
        pid, copy = self._lock.holder(), self._lock.running_copy()
        now = datetime.now(UTC)
        if pid is None:
            return Snapshot(now)
        if copy is None or copy.pid != pid:  # it is starting; what a killed one announced is not its own
            return Snapshot(now, pid=pid)
        answers, rollout, figures = await asyncio.gather(self._answers(copy), self._rollout(copy), self._figures())
        return Snapshot(
            taken_at=now,
            pid=pid,
            form=copy.form_url,
            dashboard=copy.dashboard_url,
            replica_metrics=f"http://127.0.0.1:{Ports(copy.first_port).ray_metrics}/metrics",
            answers=answers,
            application=None if rollout is None else rollout.status,
            deployments={} if rollout is None else _replicas(rollout),
            figures=figures,
        )

    async def _answers(self, copy: RunningCopy) -> bool:
        try:
            return (await self._http.get(f"{copy.form_url}health")).is_success
        except httpx.HTTPError:
            return False

    async def _rollout(self, copy: RunningCopy) -> Rollout | None:
        client = ServeClient(copy.dashboard_url, self._settings.home / "keys" / "ray_token")
        try:
            return await asyncio.to_thread(client.rollout, APP_NAME, _PATIENCE_S)
        except (DependencyAway, OSError):
            return None

    async def _figures(self) -> Figures | None:
        window = timedelta(minutes=WINDOW_MIN)
        try:
            if self._database is None:
                self._database = Database(self._settings.dsn(), self._settings.times, "fte-status", pool_size=1)
            metrics = Metrics(self._database)
            return Figures(
                health=await metrics.fetch_health(),
                activity=await metrics.fetch_activity(window),
                escalations=await metrics.fetch_live_escalations(),
                channels=await metrics.fetch_channels(window),
                language_model=await LanguageModelProbe(self._settings, self._database)(),
                alarms=await alarms_over(self._settings, self._database).fetch(),
            )
        except (DependencyAway, ConfigurationInvalid):
            return None


def _replicas(rollout: Rollout) -> dict[str, Replicas]:
    found = {}
    for name, (running, wanted) in rollout.replicas.items():
        least, most = rollout.bounds.get(name, (wanted, wanted))
        found[name] = Replicas(running, wanted, least, most)
    return found
