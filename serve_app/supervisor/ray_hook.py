"""Called by `ray start` (RAY_START_HOOK) before it starts anything."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from serve_app.supervisor.run_folder import serve_config_beside
from serve_app.supervisor.workers import start_worker

EARLY_FAILURE = "Serve starts with the declared application"
_LOOK_AGAIN_S = 0.05
_PATIENCE_S = 30.0


def prepare(parameters: Any, head: bool) -> None:
    """What `ray start` has no options for: no client server, workers that are forked, a dashboard that nothing waits
    for, and Serve's controller as soon as there is a node that can run it."""
    # It would take 90 MB and a port, and nothing here uses it.
    parameters.ray_client_server_port = None
    parameters.worker_path = start_worker.__file__
    from ray._private.node import Node

    beside = partial(controller_started, serve_config_beside(Path(parameters.temp_dir)))
    start_side_by_side(Node, f"{parameters.dashboard_host}:{parameters.dashboard_port}", beside)


def start_side_by_side(
    node_class: Any, dashboard_address: str, beside: Callable[[Any], AbstractContextManager[None]]
) -> None:
    """Change Ray 2.60's node so that it does not wait for the dashboard before it starts the raylet and its workers.

    The dashboard takes more than a second to load; by itself, Ray wants only to know its address, which is chosen.
    `beside` is entered with the node when all but the dashboard is started, and left when that is, too.
    """
    start_dashboard, start_the_rest = node_class.start_api_server, node_class.start_ray_processes
    thread = ThreadPoolExecutor(1)
    started: list[Future[None]] = []

    def begin(node: Any, **options: Any) -> None:
        node._webui_url = dashboard_address
        started.append(thread.submit(start_dashboard, node, **options))

    def start_the_rest_and_wait(node: Any) -> None:
        start_the_rest(node)
        with beside(node):
            for dashboard in started:
                dashboard.result()

    node_class.start_api_server = begin
    node_class.start_ray_processes = start_the_rest_and_wait


@contextlib.contextmanager
def controller_started(config_file: Path, node: Any) -> Iterator[None]:
    """Have Serve's controller and its proxies load while the dashboard does.

    Whoever declares the application finds them there. By itself Serve would start them only then, and take nothing in
    before the proxies are ready. What raises here is written to the log of the start, and done then, as ever.
    """
    import ray

    _or_log(lambda: start_controller(config_file, node))
    try:
        yield
    finally:
        # Without it, Ray sleeps for half a second when this process ends.
        _or_log(ray.shutdown)


def start_controller(config_file: Path, node: Any) -> None:
    """Ask for the controller as the dashboard does, with the options of the application that will be declared, and do
    not wait until it has loaded.

    Raises TimeoutError when the node or the controller's creation is not registered in time.
    """
    import ray
    from ray._raylet import RAY_INTERNAL_DASHBOARD_NAMESPACE  # type: ignore[attr-defined]  # compiled
    from ray.serve._private.default_impl import get_controller_impl
    from ray.serve.config import HTTPOptions, ProxyLocation, gRPCOptions
    from ray.serve.schema import ServeDeploySchema

    config = ServeDeploySchema.model_validate(json.loads(config_file.read_text(encoding="utf-8")))
    wait_until_registered(node)
    ray.init(
        address=node.gcs_address,
        # Drivers of this one are not listed as somebody's jobs.
        namespace=RAY_INTERNAL_DASHBOARD_NAMESPACE,
        configure_logging=False,
        log_to_driver=False,
        _skip_env_hook=True,
    )
    controller = get_controller_impl(controller_options=config.controller_options).remote(
        http_options=HTTPOptions.model_validate(config.http_options.model_dump()),
        grpc_options=gRPCOptions(**config.grpc_options.model_dump()),
        global_logging_config=config.logging_config,
        global_tracing_config=None,
        proxy_location=ProxyLocation._normalize(config.proxy_location),
    )
    wait_until_submitted(controller)


def wait_until_registered(node: Any) -> None:
    """Wait for the node's raylet, for which Ray itself looks once a second. Raises TimeoutError."""
    from ray._raylet import NodeID
    from ray.core.generated.gcs_service_pb2 import GetAllNodeInfoRequest

    this_node = GetAllNodeInfoRequest.NodeSelector(node_id=NodeID.from_hex(node._node_id).binary())

    def registered() -> bool:
        if any(raylet.process.poll() is not None for raylet in node.all_processes.get("raylet", ())):
            raise TimeoutError("the raylet has ended")
        found = node.get_gcs_client().get_all_node_info(
            timeout=_PATIENCE_S, node_selectors=[this_node], state_filter=None
        )
        return bool(found)

    _wait_until(registered, "the node is not registered")


def wait_until_submitted(actor: Any) -> None:
    """Wait until the actor lives without this process, which may end right after. Raises TimeoutError."""
    from ray._private.state import actors

    actor_id = actor._actor_id.hex()
    _wait_until(
        lambda: actors(actor_id).get("State", "DEPENDENCIES_UNREADY") != "DEPENDENCIES_UNREADY",
        "the controller's creation is not registered",
    )


def _wait_until(holds: Callable[[], bool], otherwise: str) -> None:
    until = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(f"{otherwise} after {_PATIENCE_S:g} s")
        time.sleep(_LOOK_AGAIN_S)


def _or_log(act: Callable[[], None]) -> None:
    try:
        act()
    except Exception as error:
        sys.stderr.write(f"{EARLY_FAILURE}: {error}\n")
