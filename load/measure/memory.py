"""What the idle system keeps in memory, process by process."""

from __future__ import annotations

import asyncio

from load.processes import cpu_between, measure_processes
from load.results import Figure, Section, Table
from load.system import System

_REST_S = 15.0
_MIB = 1024 * 1024


async def measure_memory(system: System) -> Section:
    before = await asyncio.to_thread(measure_processes, system)
    await asyncio.sleep(_REST_S)
    usage = await asyncio.to_thread(measure_processes, system)
    cpu = cpu_between(before, usage)
    total = sum(each.pss_bytes for each in usage.values())
    rows = tuple(
        (label, round(each.pss_bytes / _MIB, 1), each.processes, round(100 * cpu[label] / _REST_S, 1))
        for label, each in usage.items()
    )
    return Section(
        name="memory",
        title="Idle memory",
        method=(
            "Proportional set size (memory that processes share is split among them) of every process of the system, "
            f"from the kernel's smaps_rollup, after a few questions and {_REST_S:g} s of rest."
        ),
        figures=(
            Figure("idle memory of the whole system", total / _MIB / 1024, "GiB", at_most=3e9 / 1024**3),
            Figure("idle CPU of the whole system", 100 * sum(cpu.values()) / _REST_S, "% of one core"),
        ),
        tables=(Table("By process", ("process", "PSS, MiB", "processes", "CPU, % of a core"), rows, chart="bars"),),
    )
