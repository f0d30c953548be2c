"""Ray's processes on this machine: one head node, all of it on loopback."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from agent.errors import ConfigurationInvalid
from serve_app.settings import CHECKOUT, inherited_environment
from serve_app.supervisor.haproxy import write_start_script
from serve_app.supervisor.processes import end, end_all_of, lives, reap_orphans
from serve_app.supervisor.run_folder import Ports, RunFolder, serve_config_beside
from serve_app.supervisor.workers import fork_server

_OBJECT_STORE_BYTES = 100 * 1024 * 1024
_START_TIMEOUT_S = 300
_EVERY_PROCESS = Path(__file__).parent / "every_process"
_VITAL = ("gcs_server", "raylet")
_REPAIR_PAUSE_S = 10.0
"""What dies again is not started again at once."""
# Beside `ray start` and in its session: the kernel weighs sessions against each other (man 7 sched, autogroup).
_WITH_FORK_SERVER = '"$1" "$2" "$3" "$4" & shift 4; exec "$@"'


@dataclass(slots=True)
class _Replaceable:
    """A process that can be started again by itself. None where it was not there when Ray had started."""

    command: list[str]
    process: psutil.Process | None = None
    started_at: float = -math.inf


class RayHead:
    """Starts, watches and stops. `extra_environment` reaches every replica; `serve_config` is what will be deployed."""

    def __init__(
        self,
        folder: RunFolder,
        ports: Ports,
        token_file: Path,
        extra_environment: dict[str, str],
        serve_config: dict[str, Any],
    ) -> None:
        self._folder = folder
        self._serve_config = serve_config
        self._ports = ports
        self._environment = inherited_environment({**ray_environment(folder, ports, token_file), **extra_environment})
        self._vital: list[psutil.Process] = []
        self._replaceable: dict[str, _Replaceable] = {}

    def start(self) -> None:
        """Raises ConfigurationInvalid with where to look when Ray does not start."""
        write_start_script(self._folder.haproxy / "haproxy", self._ports)
        serve_config_beside(self._folder.ray).write_text(json.dumps(self._serve_config), encoding="utf-8")
        log = self._folder.path / "ray-start.log"
        with log.open("wb") as output:
            try:
                # A session of its own: Ctrl-C in the terminal is for the supervisor alone.
                code = subprocess.run(  # noqa: S603
                    self._command(), env=self._environment, stdout=output, stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL, start_new_session=True, timeout=_START_TIMEOUT_S, check=False,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                code = -1
        if code != 0:
            raise ConfigurationInvalid(f"Ray did not start; see {log}")
        self._remember()

    def alive(self) -> bool:
        """Whether the processes are there without which nothing works."""
        return bool(self._vital) and all(lives(process) for process in self._vital)

    def repair(self) -> list[str]:
        """Start again what died and can be by itself, and say what.

        Serving does without: the dashboard deploys, and without the fork server workers load what they need by
        themselves. They get a session of their own, apart from Ray's.
        """
        now = time.monotonic()
        dead = {
            name: each
            for name, each in self._replaceable.items()
            if now - each.started_at > _REPAIR_PAUSE_S and not (each.process and lives(each.process))
        }
        for each in dead.values():
            with (self._folder.path / "repairs.log").open("ab") as output:
                child = subprocess.Popen(  # noqa: S603
                    each.command, env=self._environment, stdout=output, stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            each.process, each.started_at = psutil.Process(child.pid), now
        return list(dead)

    def stop(self) -> None:
        """The raylet first: it ends its workers itself."""
        raylets = [process for process in self._vital if lives(process) and process.name() == "raylet"]
        end(raylets, patience_s=6)
        end_all_of(self._folder.path)
        reap_orphans()

    def _remember(self) -> None:
        """`ray start` leaves its daemons to whoever adopts orphans, so they are found by their command lines."""
        marker = str(self._folder.path)
        self._vital = []
        self._replaceable = {"fork server": _Replaceable(self._fork_server_command())}
        for process in psutil.process_iter(["name", "cmdline"]):
            name, command = process.info["name"], process.info["cmdline"] or []
            if not any(marker in part for part in command):
                continue
            if name in _VITAL:
                self._vital.append(process)
            elif name == fork_server.NAME:
                self._replaceable["fork server"].process = process
            elif any(part.endswith("dashboard/dashboard.py") for part in command):
                self._replaceable["Ray dashboard"] = _Replaceable(command, process)

    def _fork_server_command(self) -> list[str]:
        return [sys.executable, "-m", fork_server.__name__, str(self._folder.ray)]

    def _command(self) -> list[str]:
        ports = self._ports
        options = {
            "node-ip-address": "127.0.0.1",
            "port": ports.gcs,
            "dashboard-host": "127.0.0.1",
            "dashboard-port": ports.dashboard,
            "dashboard-agent-listen-port": ports.agent_http,
            "dashboard-agent-grpc-port": ports.agent_grpc,
            "runtime-env-agent-port": ports.runtime_env,
            "metrics-export-port": ports.ray_metrics,
            "object-manager-port": ports.object_manager,
            "node-manager-port": ports.node_manager,
            "min-worker-port": ports.workers[0],
            "max-worker-port": ports.workers[1],
            "temp-dir": self._folder.ray,
            "object-store-memory": _OBJECT_STORE_BYTES,
            "num-cpus": max(2, psutil.cpu_count() or 2),
            # `fte up` shows the logs itself, and there is nothing to scale but replicas.
            "include-log-monitor": "false",
        }
        ray = Path(sys.executable).with_name("ray")
        return [
            "/bin/sh", "-c", _WITH_FORK_SERVER, "sh", *self._fork_server_command(),
            str(ray), "start", "--head", "--no-monitor", "--disable-usage-stats",
            *(f"--{name}={value}" for name, value in options.items()),
        ]  # fmt: skip


def ray_environment(folder: RunFolder, ports: Ports, token_file: Path) -> dict[str, str]:
    """What Ray and Serve read from the environment, set before they start."""
    haproxy = folder.haproxy
    return {
        "PYTHONPATH": os.pathsep.join((str(_EVERY_PROCESS), str(CHECKOUT))),
        # The dashboard runs as a script beside a module that is called `agent`; ours must win.
        "PYTHONSAFEPATH": "1",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_file),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_START_HOOK": "serve_app.supervisor.ray_hook.prepare",
        # On Linux the name misleads: "0" keeps 127.0.0.1 as the node's address, so that Ray listens there only.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        # The raylet asks its object store before that listens, and would ask again after a second.
        "RAY_raylet_client_connect_timeout_milliseconds": "50",
        "RAY_raylet_client_num_connect_attempts": "200",
        # Ray makes its workers nice, which starves the product beside anything else that runs.
        "RAY_worker_niceness": "0",
        "DASHBOARD_METRIC_PORT": str(ports.dashboard_metrics),
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_LOG_TO_STDERR": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(haproxy / "haproxy"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.haproxy_stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.haproxy_metrics),
        # The controller looks at everything in each round; twice as often costs 3 % of a core for nothing.
        "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.2",
        # Ray passes metrics on every ten seconds; ten times a second, this took a third of an idle replica's time.
        "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "2000",
        "RAY_SERVE_HAPROXY_NBTHREAD": "2",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback_proxy),
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.ingress_http[0]),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.ingress_http[1]),
        "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(ports.ingress_grpc[0]),
        "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(ports.ingress_grpc[1]),
        # One machine: HAProxy hears of a stopping replica at once, so it need not linger for 30 s.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        # A killed HAProxy is noticed after three of these.
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "0.5",
        "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": "30",
    }
