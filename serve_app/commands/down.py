"""`fte down`: stop what `fte up` started, also when its supervisor was killed."""

from __future__ import annotations

import typer

_PATIENCE_S = 180.0


def register(app: typer.Typer) -> None:
    app.command()(down)


def down() -> None:
    """Stop the running system."""
    import os
    import signal
    import time

    from agent.errors import DependencyAway
    from serve_app.settings import load_settings
    from serve_app.supervisor.lock import HomeLock

    settings = load_settings()
    lock = HomeLock(settings.home)
    holder = lock.holder()
    if holder is None:
        typer.echo("stopped what was left" if _clean_up_after_a_crash() else "nothing was running")
        return
    os.kill(holder, signal.SIGTERM)
    deadline = time.monotonic() + _PATIENCE_S
    while lock.holder() is not None:
        if time.monotonic() > deadline:
            raise DependencyAway(f"process {holder} has not stopped after {_PATIENCE_S:.0f} s; look at its output")
        time.sleep(0.1)
    typer.echo("stopped")


def _clean_up_after_a_crash() -> bool:
    """End the processes of a copy whose supervisor is gone; True when there were any."""
    from crm.embedded import EmbeddedServer
    from serve_app.settings import load_settings
    from serve_app.supervisor.processes import end_all_of, processes_of
    from serve_app.supervisor.run_folder import RunFolder

    settings = load_settings()
    folder = RunFolder(settings.home)
    left = bool(processes_of(folder.path))
    end_all_of(folder.path)
    folder.remove()
    server = EmbeddedServer(settings.home)
    if settings.embedded and server.running():
        server.stop()
        left = True
    return left
