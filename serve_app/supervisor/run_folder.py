"""Where one running copy keeps what lives only while it runs, and which ports it takes.

Unix sockets allow about 100 characters of path and HAProxy's live two levels deep, so the folder is short and in
the system's temporary folder; its name follows from FTE_HOME.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigurationInvalid

_FIRST_PORT, _BLOCK, _BLOCKS = 20000, 300, 40
"""Below the range that Linux gives to outgoing connections."""
_LONGEST_PATH = 23
"""A socket's path has at most 107 characters, and HAProxy's is 84 below the folder."""


def serve_config_beside(ray_folder: Path) -> Path:
    """Where Serve's configuration lies, for who knows only Ray's folder."""
    return ray_folder.parent / "serve.json"


@dataclass(frozen=True, slots=True)
class Ports:
    """A block of ports on loopback. What a running copy derives from FTE_HOME does not collide with another's."""

    first: int

    @property
    def gcs(self) -> int:
        return self.first

    @property
    def dashboard(self) -> int:
        return self.first + 1

    @property
    def agent_http(self) -> int:
        return self.first + 2

    @property
    def agent_grpc(self) -> int:
        return self.first + 3

    @property
    def runtime_env(self) -> int:
        return self.first + 4

    @property
    def ray_metrics(self) -> int:
        return self.first + 5

    @property
    def object_manager(self) -> int:
        return self.first + 6

    @property
    def node_manager(self) -> int:
        return self.first + 7

    @property
    def haproxy_stats(self) -> int:
        return self.first + 8

    @property
    def haproxy_metrics(self) -> int:
        return self.first + 9

    @property
    def fallback_proxy(self) -> int:
        return self.first + 10

    @property
    def dashboard_metrics(self) -> int:
        return self.first + 11

    @property
    def ingress_http(self) -> tuple[int, int]:
        return self.first + 20, self.first + 79

    @property
    def ingress_grpc(self) -> tuple[int, int]:
        return self.first + 80, self.first + 139

    @property
    def workers(self) -> tuple[int, int]:
        return self.first + 140, self.first + _BLOCK - 1


class RunFolder:
    """The folder of the copy whose state is under `home`."""

    def __init__(self, home: Path) -> None:
        self._digest = hashlib.sha256(f"{os.getuid()} {home}".encode()).digest()
        self.path = Path(tempfile.gettempdir()) / f"fte-{self._digest.hex()[:8]}"

    @property
    def haproxy(self) -> Path:
        return self.path / "lb"

    @property
    def ray(self) -> Path:
        return self.path / "ray"

    @property
    def ray_logs(self) -> Path:
        return self.ray / "session_latest" / "logs"

    def make(self) -> None:
        """Make it anew for this user alone. Raises ConfigurationInvalid when it is somebody else's or too deep."""
        if len(str(self.path)) > _LONGEST_PATH:
            raise ConfigurationInvalid(f"{self.path} is too long a path for sockets; set TMPDIR to a shorter one")
        self.path.mkdir(mode=0o700, exist_ok=True)
        status = self.path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise ConfigurationInvalid(f"{self.path} belongs to somebody else; remove it or set FTE_HOME elsewhere")
        self.path.chmod(0o700)
        shutil.rmtree(self.ray, ignore_errors=True)
        shutil.rmtree(self.haproxy, ignore_errors=True)
        self.haproxy.mkdir()

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def choose_ports(self) -> Ports:
        """The block that follows from FTE_HOME, or the next that is free. Raises ConfigurationInvalid."""
        start = int.from_bytes(self._digest[:4]) % _BLOCKS
        for step in range(_BLOCKS):
            ports = Ports(_FIRST_PORT + (start + step) % _BLOCKS * _BLOCK)
            fixed = (*range(ports.first, ports.first + 12), ports.ingress_http[0], ports.workers[0])
            if all(port_is_free("127.0.0.1", port) for port in fixed):
                return ports
        raise ConfigurationInvalid("no free block of ports between 20000 and 32000; stop other copies first")


def port_is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def make_secret() -> str:
    return secrets.token_urlsafe(32)


def ensure_key(file: Path, make: Callable[[], str] = make_secret) -> str:
    """The secret in `file`, made when it is not there; only its owner can read it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.parent.chmod(0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(make())
    return file.read_text(encoding="utf-8").strip()
