"""The processes of a running system: how much memory each has and how much CPU time it took."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from load.system import System
from serve_app.supervisor.processes import processes_of
from serve_app.supervisor.run_folder import RunFolder

_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)
_LABELS = (
    (re.compile(r"ServeReplica:\w+:(\w+)"), r"replica \1"),
    (re.compile(r"ray::(\w+)"), r"Ray \1"),
    (re.compile(r"workers\.fork_server"), "fork server"),
    (re.compile(r"gcs_server"), "Ray gcs_server"),
    (re.compile(r"raylet/raylet"), "Ray raylet"),
    (re.compile(r"dashboard/dashboard\.py"), "Ray dashboard"),
    (re.compile(r"dashboard[/.]subprocess\S*\s|SubprocessModule|multiprocessing"), "Ray dashboard modules"),
    (re.compile(r"dashboard/agent\.py|DashboardAgent"), "Ray agent"),
    (re.compile(r"runtime_env/agent"), "Ray runtime-env agent"),
    (re.compile(r"haproxy"), "HAProxy"),
    (re.compile(r"serve_app\S* up"), "supervisor (fte up)"),
    (re.compile(r"load\.baseline"), "baseline"),
)


@dataclass(frozen=True, slots=True)
class Usage:
    """Of all processes of one label. PSS shares what several processes map among them, so it adds up."""

    processes: int = 0
    pss_bytes: int = 0
    cpu_s: float = 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.processes + other.processes, self.pss_bytes + other.pss_bytes, self.cpu_s + other.cpu_s)


def measure_processes(system: System) -> dict[str, Usage]:
    """Every process of the system and of its Postgres by label, the largest memory first."""
    found: dict[str, Usage] = {}
    for process, label in _processes(system):
        with contextlib.suppress(psutil.Error, OSError):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
            match = _PSS.search(rollup)
            times = process.cpu_times()
            usage = Usage(1, int(match[1]) * 1024 if match else 0, times.user + times.system)
            found[label] = found.get(label, Usage()) + usage
    return dict(sorted(found.items(), key=lambda item: -item[1].pss_bytes))


def cpu_between(before: Mapping[str, Usage], after: Mapping[str, Usage]) -> dict[str, float]:
    """CPU seconds by label, the most first; a process that ended meanwhile takes its time with it."""
    spent = {label: usage.cpu_s - before.get(label, Usage()).cpu_s for label, usage in after.items()}
    return dict(sorted(((label, max(0.0, s)) for label, s in spent.items()), key=lambda item: -item[1]))


def label_of(command_line: str) -> str:
    """What a process is, from its command line."""
    for pattern, label in _LABELS:
        if match := pattern.search(command_line):
            return match.expand(label)
    words = command_line.split()
    return Path(words[0]).name if words else "unnamed"


def _processes(system: System) -> list[tuple[psutil.Process, str]]:
    seen: dict[int, tuple[psutil.Process, str]] = {}
    postmaster = int((system.postgres_home / "postgres" / "postmaster.pid").read_text().split()[0])
    with contextlib.suppress(psutil.Error):
        server = psutil.Process(postmaster)
        for process in (server, *server.children(recursive=True)):
            seen[process.pid] = (process, "PostgreSQL")
    own = psutil.Process(system.pid)
    for process in (own, *own.children(recursive=True), *processes_of(RunFolder(system.home).path)):
        if process.pid not in seen:
            with contextlib.suppress(psutil.Error):
                seen[process.pid] = (process, label_of(" ".join(process.cmdline())))
    return list(seen.values())
