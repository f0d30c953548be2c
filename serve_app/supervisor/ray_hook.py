"""Called by `ray start` (RAY_START_HOOK) before it starts anything."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


def prepare(parameters: Any, head: bool) -> None:
    """What `ray start` has no options for: no client server, and a dashboard that nothing waits for."""
    # It would take 90 MB and a port, and nothing here uses it.
    parameters.ray_client_server_port = None
    from ray._private.node import Node

    start_dashboard_beside_raylet(Node, f"{parameters.dashboard_host}:{parameters.dashboard_port}")


def start_dashboard_beside_raylet(node_class: Any, dashboard_address: str) -> None:
    """Change Ray 2.60's node so that it does not wait for the dashboard before it starts the raylet and its workers.

    The dashboard takes more than a second to load; by itself, Ray wants only to know its address, which is chosen.
    """
    start_dashboard, start_the_rest = node_class.start_api_server, node_class.start_ray_processes
    beside = ThreadPoolExecutor(1)
    started: list[Future[None]] = []

    def begin(node: Any, **options: Any) -> None:
        node._webui_url = dashboard_address
        started.append(beside.submit(start_dashboard, node, **options))

    def start_the_rest_and_wait(node: Any) -> None:
        start_the_rest(node)
        for dashboard in started:
            dashboard.result()

    node_class.start_api_server = begin
    node_class.start_ray_processes = start_the_rest_and_wait
