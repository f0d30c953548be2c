"""What `ray start` is made to do differently."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from ray._private.node import Node

from serve_app.supervisor import ray_hook


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
        assert self.raylet_started.wait(10), "the raylet waited for the dashboard"
        if self._dashboard is not None:
            raise self._dashboard
        self.seen.append("dashboard")

    def start_ray_processes(self) -> None:
        self.seen.append(f"raylet with {self._webui_url}")
        self.raylet_started.set()


@pytest.fixture
def node_class() -> type[FakeNode]:
    copy: type[FakeNode] = type("Copy", (FakeNode,), {})
    ray_hook.start_dashboard_beside_raylet(copy, "127.0.0.1:8265")
    return copy


def test_the_raylet_starts_beside_the_dashboard_and_both_are_waited_for(node_class: type[FakeNode]) -> None:
    node = node_class()
    node.start()
    assert node.seen == ["raylet with 127.0.0.1:8265", "dashboard"]


def test_a_dashboard_that_cannot_start_fails_the_start_as_before(node_class: type[FakeNode]) -> None:
    with pytest.raises(OSError, match="no port"):
        node_class(OSError("no port")).start()


def test_rays_own_node_has_what_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start_api_server", "start_ray_processes"):
        monkeypatch.setattr(Node, name, getattr(Node, name))  # put back at the end
    originals = Node.start_api_server, Node.start_ray_processes
    parameters: Any = SimpleNamespace(dashboard_host="127.0.0.1", dashboard_port=1, ray_client_server_port=10001)
    ray_hook.prepare(parameters, head=True)
    assert parameters.ray_client_server_port is None
    assert Node.start_api_server is not originals[0]
    assert Node.start_ray_processes is not originals[1]
