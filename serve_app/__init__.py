"""Composition root: settings, the builder `serve_app:build`, deployment options, the `fte` command line.

`settings` reads the environment, `options` is the table of deployment options, `builder` puts the application
together, `render` writes both as Serve configuration, `cli` is the command line and `supervisor` what `fte up`
runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serve_app.builder import build

__all__ = ["build"]


def __getattr__(name: str) -> Any:
    """Import the builder, and with it Ray, only for whoever asks: `fte --help` does not wait for it."""
    if name == "build":
        from serve_app.builder import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
