"""Finding and ending what a running copy started, also after a crash of whoever started it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_RAY_TITLES = ("ray::", "ray-")


def adopt_orphans() -> None:
    """Make descendants whose parent dies children of this process, so that none escapes it (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def lives(process: psutil.Process) -> bool:
    """Whether it is there and has not ended: one that waits to be collected has."""
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def reap_orphans() -> None:
    """Collect adopted children that ended. Children of `subprocess` that run are not touched."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error, ChildProcessError):
            if child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, os.WNOHANG)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Processes that name `folder` on their command line, and Ray's that have a file in it open; not this one.

    Ray's workers overwrite both their command line and their environment with a title; their logs stay open. A
    driver's are open, too, but it is somebody else's process.
    """
    name = str(folder)
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        with contextlib.suppress(psutil.Error, OSError):
            command = process.cmdline()
            if process.uids().real != os.getuid() or not command:
                continue
            titled = command[0].startswith(_RAY_TITLES)
            if any(name in part for part in command) or (
                titled and any(file.path.startswith(name) for file in process.open_files())
            ):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], patience_s: float) -> None:
    """Ask each to end, and kill what has not after `patience_s`."""
    waiting = list(processes)
    for process in waiting:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(waiting, timeout=patience_s)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=3)


def end_all_of(folder: Path, patience_s: float = 5.0) -> None:
    """End every process of `folder`, and those that appeared while it did."""
    deadline = time.monotonic() + 4 * patience_s
    while (processes := processes_of(folder)) and time.monotonic() < deadline:
        end(processes, patience_s)
        reap_orphans()
