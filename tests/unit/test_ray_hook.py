"""What `ray start` is made to do differently."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray._private.node import Node
from ray._private.parameter import RayParams
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
    signature(RayParams).bind(worker_path=parameters.worker_path)  # raises where Ray has no such parameter
    assert Path(parameters.worker_path).name == "start_worker.py"
    assert Node.start_api_server is not originals[0]
    assert Node.start_ray_processes is not originals[1]


def test_a_controller_that_cannot_start_early_is_left_to_the_declared_application(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is speed, not correctness: Serve makes the controller when the application is declared."""
    with ray_hook.controller_started(tmp_path / "nothing.json", SimpleNamespace()):
        pass
    assert capsys.readouterr().err.count(ray_hook.EARLY_FAILURE) == 1


def test_a_driver_that_cannot_leave_fails_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ray

    def fail() -> None:
        raise ConnectionError("the control store is gone")

    monkeypatch.setattr(ray, "shutdown", fail)
    monkeypatch.setattr(ray_hook, "start_controller", lambda *_: None)
    with ray_hook.controller_started(tmp_path / "serve.json", SimpleNamespace()):
        pass
    assert "the control store is gone" in capsys.readouterr().err


def test_the_early_controller_has_the_options_of_the_declared_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Serve takes no others later: it warns and goes on with the first ones."""
    import ray
    from ray.serve._private import default_impl
    from ray.serve._private.controller import ServeController
    from ray.serve.config import ProxyLocation

    asked: dict[str, Any] = {}
    of_actor: dict[str, Any] = {}
    submitted: list[object] = []

    def get_controller_impl(**options: Any) -> Any:
        of_actor.update(options)
        return SimpleNamespace(remote=lambda **options: asked.update(options) or "the controller")

    signature(default_impl.get_controller_impl).bind(controller_options=None)
    monkeypatch.setattr(default_impl, "get_controller_impl", get_controller_impl)
    addresses: list[str] = []
    monkeypatch.setattr(ray, "init", lambda address, **_: addresses.append(address))
    monkeypatch.setattr(ray_hook, "wait_until_registered", lambda node: None)
    monkeypatch.setattr(ray_hook, "wait_until_submitted", submitted.append)
    config = serve_config("127.0.0.1", 8123)
    file = serve_config_beside(tmp_path / "ray")
    file.write_text(json.dumps(config), encoding="utf-8")
    ray_hook.start_controller(file, SimpleNamespace(gcs_address="127.0.0.1:1"))
    declared = ServeDeploySchema.model_validate(config)
    signature(ServeController.__init__).bind(None, **asked)  # raises where Ray has other parameters
    # As the dashboard compares them with what it is sent.
    for name, value in declared.http_options.model_dump().items():
        assert getattr(asked["http_options"], name) == value, name
    for name, value in declared.grpc_options.model_dump().items():
        assert getattr(asked["grpc_options"], name) == value, name
    assert asked["http_options"].port == 8123
    assert asked["global_logging_config"] == declared.logging_config
    assert asked["proxy_location"] == ProxyLocation.EveryNode
    assert of_actor == {"controller_options": declared.controller_options}
    assert addresses == ["127.0.0.1:1"]
    assert submitted == ["the controller"]


class FakeStore:
    """Knows the node from the third look on."""

    def __init__(self, known_from: int) -> None:
        self._known_from = known_from
        self.looks = 0

    def get_all_node_info(self, timeout: float, node_selectors: list[Any], state_filter: int | None) -> dict[str, Any]:
        self.looks += 1
        assert [each.node_id for each in node_selectors] == [bytes.fromhex(NODE_ID)]
        return {"a node": "its facts"} if self.looks >= self._known_from else {}


NODE_ID = "ab" * 28


def a_node(store: FakeStore, raylet_status: int | None = None) -> Any:
    raylet = SimpleNamespace(process=SimpleNamespace(poll=lambda: raylet_status))
    return SimpleNamespace(_node_id=NODE_ID, get_gcs_client=lambda: store, all_processes={"raylet": [raylet]})


def test_the_node_is_looked_for_until_it_is_known() -> None:
    store = FakeStore(known_from=3)
    ray_hook.wait_until_registered(a_node(store))
    assert store.looks == 3


def test_a_raylet_that_has_ended_is_not_waited_for() -> None:
    store = FakeStore(known_from=3)
    with pytest.raises(TimeoutError, match="has ended"):
        ray_hook.wait_until_registered(a_node(store, raylet_status=1))


def test_a_node_that_never_registers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_hook, "_PATIENCE_S", 0.0)
    with pytest.raises(TimeoutError, match="not registered"):
        ray_hook.wait_until_registered(a_node(FakeStore(known_from=10**9)))


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
