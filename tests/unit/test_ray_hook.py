"""What `ray start` is made to do differently."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray._private.node import Node
from ray.serve.schema import ServeDeploySchema

from serve_app.render import serve_config
from serve_app.settings import inherited_environment
from serve_app.supervisor import ray_hook
from serve_app.supervisor.ray_head import ray_environment
from serve_app.supervisor.run_folder import Ports, RunFolder, serve_config_beside


class FakeNode:
    """Starts as Ray's node does: the head's processes, then the others."""

    def __init__(self, dashboard: Exception | None = None) -> None:
        self._webui_url: str | None = None
        self._dashboard = dashboard
        self.raylet_started = threading.Event()
        self.seen: list[str] = []

    def start(self) -> None:
        self.start_api_server(include_dashboard=None, raise_on_failure=False)
        self.start_ray_processes()

    def start_api_server(self, *, include_dashboard: bool | None, raise_on_failure: bool) -> None:
        assert self.raylet_started.wait(10), "something waited for the dashboard"
        if self._dashboard is not None:
            raise self._dashboard
        self.seen.append("dashboard")

    def start_ray_processes(self) -> None:
        self.seen.append(f"raylet with {self._webui_url}")


@contextlib.contextmanager
def see_what_is_beside(node: FakeNode) -> Iterator[None]:
    node.seen.append("beside")
    node.raylet_started.set()
    yield
    node.seen.append("no longer beside")


@pytest.fixture
def node_class() -> type[FakeNode]:
    copy: type[FakeNode] = type("Copy", (FakeNode,), {})
    ray_hook.start_side_by_side(copy, "127.0.0.1:8265", see_what_is_beside)
    return copy


def test_the_dashboard_keeps_nothing_waiting_and_is_waited_for(node_class: type[FakeNode]) -> None:
    node = node_class()
    node.start()
    assert node.seen == ["raylet with 127.0.0.1:8265", "beside", "dashboard", "no longer beside"]


def test_a_dashboard_that_cannot_start_fails_the_start_as_before(node_class: type[FakeNode]) -> None:
    with pytest.raises(OSError, match="no port"):
        node_class(OSError("no port")).start()


def test_rays_own_node_has_what_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start_api_server", "start_ray_processes"):
        monkeypatch.setattr(Node, name, getattr(Node, name))  # put back at the end
    originals = Node.start_api_server, Node.start_ray_processes
    parameters: Any = SimpleNamespace(
        dashboard_host="127.0.0.1", dashboard_port=1, ray_client_server_port=10001, temp_dir="/x/ray"
    )
    ray_hook.prepare(parameters, head=True)
    assert parameters.ray_client_server_port is None
    assert Node.start_api_server is not originals[0]
    assert Node.start_ray_processes is not originals[1]


def test_a_controller_that_cannot_start_early_is_left_to_the_first_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is speed, not correctness: Serve makes the controller when the application is declared."""
    with ray_hook.controller_started(tmp_path / "nothing.json", SimpleNamespace()):
        pass
    assert "Serve starts with its first request" in capsys.readouterr().err


def test_the_early_controller_has_the_options_of_the_declared_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serve takes no others later: it warns and goes on with the first ones."""
    import ray
    from ray.serve._private import default_impl
    from ray.serve.config import ProxyLocation

    asked: dict[str, Any] = {}
    controller = SimpleNamespace(remote=lambda **options: asked.update(options))
    monkeypatch.setattr(default_impl, "get_controller_impl", lambda **_: controller)
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(address=options["address"]))
    monkeypatch.setattr(ray_hook, "wait_until_registered", lambda node: None)
    config = serve_config("127.0.0.1", 8123)
    file = serve_config_beside(tmp_path / "ray")
    file.write_text(json.dumps(config), encoding="utf-8")
    ray_hook.start_controller(file, SimpleNamespace(gcs_address="127.0.0.1:1"))
    declared = ServeDeploySchema.model_validate(config)
    # As the dashboard compares them with what it is sent.
    for name, value in declared.http_options.model_dump().items():
        assert getattr(asked["http_options"], name) == value, name
    assert asked["http_options"].port == 8123
    assert asked["global_logging_config"] == declared.logging_config
    assert asked["proxy_location"] == ProxyLocation.EveryNode
    assert asked["address"] == "127.0.0.1:1"


def test_every_process_of_a_running_copy_collects_garbage_less_often(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    environment = ray_environment(folder, Ports(30_000), tmp_path / "token")
    done = subprocess.run(
        [sys.executable, "-c", "import gc; print(gc.get_threshold()[0])"],
        env=inherited_environment(environment),
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) >= 10_000
