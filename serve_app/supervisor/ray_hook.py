"""Called by `ray start` (RAY_START_HOOK) before it starts anything."""

from __future__ import annotations

from typing import Any


def without_client_server(parameters: Any, head: bool) -> None:
    """The Ray client server would take 90 MB and a port, and nothing here uses it."""
    parameters.ray_client_server_port = None
