"""Serve's declarative interface, over the REST door of the Ray dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from agent.errors import ConfigurationInvalid, DependencyAway

_APPLICATIONS = "/api/serve/applications/"
_LOOK_AGAIN_S = 0.2
_ROLLOUT_PERIOD_S = 0.5
"""Each look takes the dashboard and the controller processor time that replicas need to load."""
_SILENCE_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far the application is, by deployment: `replicas` are (running, wanted), `replica_ids` the running ones,
    `bounds` the least and the most that autoscaling may want."""

    status: str
    message: str
    replicas: dict[str, tuple[int, int]]
    replica_ids: dict[str, list[str]]
    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def parse(cls, application: dict[str, Any]) -> Self:
        replicas, replica_ids, bounds = {}, {}, {}
        for name, deployment in application.get("deployments", {}).items():
            running = [each["replica_id"] for each in deployment.get("replicas", []) if each["state"] == "RUNNING"]
            replicas[name] = (len(running), deployment.get("target_num_replicas") or 1)
            replica_ids[name] = running
            scaling = (deployment.get("deployment_config") or {}).get("autoscaling_config")
            if scaling is not None:
                bounds[name] = scaling["min_replicas"], scaling["max_replicas"]
        return cls(application["status"], application.get("message", ""), replicas, replica_ids, bounds)


class ServeClient:
    def __init__(self, address: str, token_file: Path) -> None:
        self._token_file = token_file
        # A call to this machine: not through a proxy that the environment names, and plain HTTP.
        # No connection is kept, so there is nothing to close.
        self._http = httpx.Client(
            base_url=address,
            trust_env=False,
            verify=False,  # noqa: S501
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def put(self, config: dict[str, Any], patience_s: float = 120.0) -> None:
        """Declare what must run. Waits for the dashboard; raises DependencyAway or ConfigurationInvalid."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                answer = self._request("PUT", config)
            except httpx.TransportError as error:
                if time.monotonic() > deadline:
                    raise DependencyAway("the Ray dashboard does not answer") from error
                time.sleep(_LOOK_AGAIN_S)
                continue
            if answer.is_success:
                return
            # A 5xx is the dashboard's own trouble, as while Ray still starts; what is wrong in `config` is a 400.
            if answer.is_client_error or time.monotonic() > deadline:
                raise ConfigurationInvalid(f"Serve refused the configuration: {_last_line(answer.text)}")
            time.sleep(_LOOK_AGAIN_S)

    def rollout(self, app_name: str, timeout_s: float = 60.0) -> Rollout | None:
        """None when Serve does not run or does not know the application yet. Raises DependencyAway."""
        try:
            answer = self._request("GET", timeout_s=timeout_s)
        except httpx.TransportError as error:
            raise DependencyAway("the Ray dashboard does not answer") from error
        if not answer.is_success:
            raise DependencyAway(f"the Ray dashboard answers {answer.status_code}")
        application = answer.json().get("applications", {}).get(app_name)
        return None if application is None else Rollout.parse(application)

    def wait_until_running(self, app_name: str, patience_s: float, report: Callable[[Rollout], None]) -> None:
        """Raises ConfigurationInvalid when the rollout fails, DependencyAway when it takes too long.

        A dashboard that is silent for a while is asked again: on a busy machine it is late, not gone.
        """
        deadline = time.monotonic() + patience_s
        answered_at = time.monotonic()
        while time.monotonic() < deadline:
            try:
                rollout = self.rollout(app_name)
                answered_at = time.monotonic()
            except DependencyAway:
                if time.monotonic() - answered_at > _SILENCE_LIMIT_S:
                    raise
                rollout = None
            if rollout is not None:
                report(rollout)
                if rollout.status == "RUNNING":
                    return
                if rollout.status == "DEPLOY_FAILED":
                    raise ConfigurationInvalid(f"the application could not be deployed: {_last_line(rollout.message)}")
            time.sleep(_ROLLOUT_PERIOD_S)
        raise DependencyAway(f"the application was not running after {patience_s:.0f} s")

    def delete(self, patience_s: float) -> None:
        """Let every replica drain and stop; what takes longer than `patience_s` is left to whoever stops Ray."""
        try:
            self._request("DELETE", timeout_s=patience_s)
        except httpx.HTTPError:
            return

    def _request(self, method: str, body: dict[str, Any] | None = None, timeout_s: float = 60.0) -> httpx.Response:
        token = self._token_file.read_text(encoding="utf-8").strip()
        headers = {"Authorization": f"Bearer {token}"}
        return self._http.request(method, _APPLICATIONS, json=body, headers=headers, timeout=timeout_s)


def _last_line(text: str) -> str:
    """Of a traceback the last line says what was wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else "no reason was given"
