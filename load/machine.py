"""What a report says of the machine that it was taken on."""

from __future__ import annotations

import os
import platform


def describe_machine() -> dict[str, str | float | int]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count() or 0,
        "memory": f"{memory / 1024**3:.0f} GiB",
        "processor": platform.machine(),
        "kernel": platform.release(),
        "Python": platform.python_version(),
    }
