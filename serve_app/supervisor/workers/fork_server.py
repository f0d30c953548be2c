"""Forks Ray's workers, so that they share what each of them would load: `python -m …fork_server RAY_FOLDER`.

As multiprocessing's fork server, which Ray's own dashboard uses for its modules. Ray itself is not loaded before a
fork: its library reads the environment when it loads, and draws the ids of tasks from a generator that would be the
same in all workers. Nor are our modules, so that no worker has some of before a change and some of after it. What is
loaded here starts no thread.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from serve_app.supervisor.workers.start_worker import (
    STANDARD_STREAMS,
    become,
    how_this_process_began,
    socket_beside,
)

NAME = "fork_server"
"""Of the process; its workers have other names from their beginning on."""
PRELOADED = (
    # What Ray and Serve import of others' packages, with the parts that they use.
    *("asyncio", "multiprocessing.connection", "pydantic.v1", "ssl", "unittest.mock", "uvloop"),
    *("attr", "filelock", "jsonschema", "msgpack", "numpy", "psutil", "requests", "tqdm", "yaml"),
    *("fastapi", "grpc.aio", "grpc_reflection.v1alpha.reflection", "uvicorn"),
    *("opentelemetry.sdk.trace.export", "opentelemetry.semconv.trace"),
    # What several of our replicas import.
    *("asyncpg", "cryptography.x509", "httpx", "pydantic_settings"),
)
_PATIENCE_S = 5.0
_OWN_NAME = Path("/proc/self/comm")


class ForkServer:
    """Listens at `path` from construction on; requests wait until `serve`."""

    def __init__(self, path: Path) -> None:
        self._began: dict[str, Any] = how_this_process_began()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(64)

    def serve(self) -> list[str]:
        """Fork for each request. Returns in each new worker only, with its script and arguments."""
        # The kernel collects children that end.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(_PATIENCE_S)
                streams: list[int] = []
                try:
                    worker = self._read(connection, streams)
                    if os.fork() == 0:
                        self._listener.close()
                        return _begin(worker, streams, connection)
                except (OSError, ValueError) as error:
                    # Whoever asked sees the connection end, and loads by itself.
                    sys.stderr.write(f"no worker is forked: {error}\n")
                finally:
                    for stream in streams:
                        os.close(stream)

    def _read(self, connection: socket.socket, streams: list[int]) -> dict[str, Any]:
        """Puts what streams come into `streams`. Raises OSError, or ValueError for what cannot be forked."""
        _, received, _, _ = socket.recv_fds(connection, 1, len(STANDARD_STREAMS))
        streams.extend(received)
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
        request = json.loads(b"".join(parts))
        worker: dict[str, Any] = request if isinstance(request, dict) else {}
        began = worker.get("began")
        if not isinstance(began, dict) or len(streams) != len(STANDARD_STREAMS):
            raise ValueError("that is no request")
        # A runtime environment may give a worker others.
        names = began.keys() | self._began.keys()
        differences = sorted(name for name in names if began.get(name) != self._began.get(name))
        if differences:
            raise ValueError(f"it began otherwise than this process: {', '.join(differences)}")
        return worker


def _begin(worker: dict[str, Any], streams: list[int], connection: socket.socket) -> list[str]:
    """What this process does as a new worker, before anything of Ray's; returns its script and arguments. It ends here
    when it cannot, or when nobody waits for it any more; then whoever asked loads by itself."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _OWN_NAME.write_text(Path(sys.executable).name, encoding="utf-8")
        # As the raylet does with the workers that it starts.
        os.setpgid(0, 0)
        become(worker)
        for stream, standard in zip(streams, STANDARD_STREAMS, strict=True):
            os.dup2(stream, standard)
        arguments = [str(part) for part in worker["arguments"]]
        connection.sendall(b"\1")
    except BaseException as error:
        sys.stderr.write(f"a forked worker could not begin: {error!r}\n")
        os._exit(1)
    return arguments


def main() -> None:
    # A shell that starts something beside others has it ignore these.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    server = ForkServer(socket_beside(Path(sys.argv[1])))
    # Only now: whoever finds it by its name can ask it.
    _OWN_NAME.write_text(NAME, encoding="utf-8")
    # Its threads would not be in a fork.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    for module in PRELOADED:
        importlib.import_module(module)
    gc.collect()
    # The collector would write to what is shared.
    gc.freeze()
    sys.argv = server.serve()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
