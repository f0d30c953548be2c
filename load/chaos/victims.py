"""The processes of one running copy, by kind. Whatever runs beside it on the machine is never found."""

from __future__ import annotations

import contextlib
import re
from enum import StrEnum
from pathlib import Path

import psutil

from crm.embedded import EmbeddedServer
from serve_app.options import APP_NAME
from serve_app.supervisor.processes import processes_of
from serve_app.supervisor.run_folder import RunFolder
from serve_app.supervisor.workers import fork_server


class Kind(StrEnum):
    """What can be killed."""

    INGRESS = "ingress"
    EMBEDDING = "embedding"
    SENTIMENT = "sentiment"
    AGENT = "agent"
    DISPATCHER = "dispatcher"
    COURIER = "courier"
    LOCK = "lock actor"
    CONTROLLER = "controller"
    HAPROXY = "haproxy"
    BACKEND = "postgres backend"
    POSTMASTER = "postmaster"
    HAPROXY_MANAGER = "haproxy manager"
    FORK_SERVER = "fork server"
    RAYLET = "raylet"
    GCS = "gcs server"

    @property
    def deployment(self) -> str | None:
        """The name of the deployment whose replicas these are; None for what is no replica."""
        return self.value.capitalize() if self in REPLICAS else None


REPLICAS = (Kind.INGRESS, Kind.EMBEDDING, Kind.SENTIMENT, Kind.AGENT, Kind.DISPATCHER, Kind.COURIER)
POSTGRES = (Kind.BACKEND, Kind.POSTMASTER)
USUAL = (*REPLICAS, Kind.LOCK, Kind.CONTROLLER, Kind.HAPROXY, *POSTGRES)
"""What dies while the machine lives."""
RAY_ITSELF = (Kind.HAPROXY_MANAGER, Kind.FORK_SERVER, Kind.RAYLET, Kind.GCS)
"""Ray's own processes and where its workers come from; without the last two the supervisor starts Ray anew."""

# Ray gives an actor's process the actor's class as its title, Serve names a replica's class after its deployment.
_TITLES = {
    **{kind: f"ray::ServeReplica:{APP_NAME}:{kind.deployment}" for kind in REPLICAS},
    Kind.LOCK: "ray::LockShard",
    Kind.CONTROLLER: "ray::ServeController",
    Kind.HAPROXY_MANAGER: "ray::HAProxyManager",
}
_NAMES = {
    Kind.HAPROXY: "haproxy",
    Kind.FORK_SERVER: fork_server.NAME,
    Kind.RAYLET: "raylet",
    Kind.GCS: "gcs_server",
}
_CLIENT_BACKEND = re.compile(r"^postgres: \S+ \S+ \[local\]")


class Victims:
    """Looks at the copy whose state is under `home`: by its folder, which no other process names or has open."""

    def __init__(self, home: Path) -> None:
        self._folder = RunFolder(home).path
        self._postgres = EmbeddedServer(home)

    def find(self, kind: Kind) -> list[psutil.Process]:
        """The living processes of this kind, oldest first."""
        if kind in POSTGRES:
            return self._find_postgres(kind)
        found = []
        for process in processes_of(self._folder):
            with contextlib.suppress(psutil.Error):
                if _is(process, kind):
                    found.append((process.create_time(), process.pid, process))
        return [process for _, _, process in sorted(found)]

    def pids(self, kind: Kind) -> frozenset[int]:
        return frozenset(process.pid for process in self.find(kind))

    def _find_postgres(self, kind: Kind) -> list[psutil.Process]:
        pid = self._postgres.pid()
        if pid is None:
            return []
        with contextlib.suppress(psutil.Error):
            postmaster = psutil.Process(pid)
            if kind is Kind.POSTMASTER:
                return [postmaster]
            return [child for child in postmaster.children() if _CLIENT_BACKEND.match(_title(child))]
        return []


def _is(process: psutil.Process, kind: Kind) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    if kind in _NAMES:
        return str(process.name()) == _NAMES[kind]
    # While it runs a method, the title goes on with its name.
    return re.match(re.escape(_TITLES[kind]) + r"(\W|$)", _title(process)) is not None


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
