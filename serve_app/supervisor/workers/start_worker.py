"""What the raylet runs to start a worker: asks the fork server for one, or becomes one as Ray does it.

A script that imports next to nothing, as it runs once for each worker and ends when that has begun.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

_PATIENCE_S = 10.0
_TEMP_DIR = "--temp-dir="
_OOM_SCORE = Path("/proc/self/oom_score_adj")
_RAYS_VARIABLES = ("RAY_", "SPT_NOENV")  # the latter for setproctitle, which Ray brings along
STANDARD_STREAMS = (0, 1, 2)


def socket_beside(ray_folder: Path) -> Path:
    """Where the fork server listens, for who knows only Ray's folder."""
    return ray_folder.parent / "workers.sock"


def how_this_process_began() -> dict[str, Any]:
    """What Python and its libraries read when they load, by name, so that a fork has it from where it was forked: where
    modules are, options, and the environment but for Ray's part, which is read in the fork."""
    return {
        "the modules' places": [sys.prefix, *sys.path],
        "Python's options": [*sys.flags, *sys.warnoptions, *sys._xoptions],
        **{name: value for name, value in os.environ.items() if not name.startswith(_RAYS_VARIABLES)},
    }


def describe_this_process(arguments: list[str]) -> dict[str, Any]:
    """Everything that the raylet gave this process and a forked worker must have, too, but its streams."""
    return {
        "arguments": arguments,
        "began": how_this_process_began(),
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE),
        "oom_score": int(_OOM_SCORE.read_text(encoding="ascii")),
    }


def become(worker: dict[str, Any]) -> None:
    """Give this process what `describe_this_process` found in another one.

    Raises OSError or ValueError when the system refuses, as it does when the other one may do more than this one.
    """
    os.chdir(worker["folder"])
    os.environ.clear()
    os.environ.update(worker["environment"])
    os.setpriority(os.PRIO_PROCESS, 0, worker["niceness"])
    resource.setrlimit(resource.RLIMIT_NOFILE, tuple(worker["open_files"]))
    _OOM_SCORE.write_text(str(worker["oom_score"]), encoding="ascii")


def ask(server: Path, arguments: list[str]) -> None:
    """Returns when a worker has begun. Raises ConnectionError when none has, nor will."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE_S)
        try:
            connection.connect(str(server))
            socket.send_fds(connection, [b"\0"], STANDARD_STREAMS)
            connection.sendall(json.dumps(describe_this_process(arguments)).encode())
            connection.shutdown(socket.SHUT_WR)
            begun = connection.recv(1)
        except TimeoutError:
            # From here on a worker cannot say that it begins, and ends; one that has said so is found.
            connection.shutdown(socket.SHUT_RD)
            begun = connection.recv(1)
        except OSError as error:
            raise ConnectionError(str(error)) from error
        if not begun:
            raise ConnectionError("the fork server starts none")


def main() -> None:
    # Found without loading it.
    ray = find_spec("ray")
    assert ray is not None
    assert ray.submodule_search_locations is not None
    worker = Path(ray.submodule_search_locations[0]) / "_private" / "workers" / "default_worker.py"
    arguments = [str(worker), *sys.argv[1:]]
    folder = next((part.removeprefix(_TEMP_DIR) for part in arguments if part.startswith(_TEMP_DIR)), "")
    try:
        ask(socket_beside(Path(folder)), arguments)
    except ConnectionError as error:
        sys.stderr.write(f"a worker loads by itself: {error}\n")
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606  # what Ray would have run


if __name__ == "__main__":
    main()
