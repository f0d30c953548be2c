"""One running copy of the product for all tests here, and a Ray driver beside it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from crm.embedded import EmbeddedServer
from serve_app.supervisor.processes import processes_of
from serve_app.supervisor.run_folder import RunFolder
from tests.serve.system import RunningSystem

HOME = Path(tempfile.mkdtemp(prefix="fte-serve-"))

# Ray reads these when it is imported: a driver of a cluster that listens on loopback and wants its token.
os.environ |= {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN_PATH": str(HOME / "keys" / "ray_token"),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_SERVE_ENABLE_HA_PROXY": "1",
}


@pytest.fixture(scope="session")
def system() -> Iterator[RunningSystem]:
    HOME.chmod(0o755)
    running = RunningSystem(HOME)
    running.start()
    yield running
    status = running.stop()
    log = running.log_end()
    left = wait_until_gone(RunFolder(HOME).path)
    postgres = EmbeddedServer(HOME).running()
    folder_left = RunFolder(HOME).path.exists()
    shutil.rmtree(HOME, ignore_errors=True)
    assert status == 0, log
    assert not left, "Ctrl-C leaves no process"
    assert not postgres
    assert not folder_left


def wait_until_gone(folder: Path, patience_s: float = 30.0) -> list[psutil.Process]:
    """What is left of the processes of `folder`: one that was killed may take a last breath."""
    deadline = time.monotonic() + patience_s
    while (left := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@pytest.fixture(scope="session")
def driver(system: RunningSystem) -> Iterator[Any]:
    """Ray, connected to the running copy."""
    import ray

    ray.init(
        address=f"127.0.0.1:{system.copy.first_port}",
        _node_ip_address="127.0.0.1",
        namespace="fte-test",
        log_to_driver=False,
        configure_logging=False,
    )
    yield ray
    ray.shutdown()
