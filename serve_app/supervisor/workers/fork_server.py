"""Forks Ray's workers, so that they share what each of them would load: `python -m …fork_server RAY_FOLDER`.

As multiprocessing's fork server, which Ray's own dashboard uses for its modules. Ray itself is not loaded before a
fork: its library reads the environment when it loads, and draws the ids of tasks from a generator that would be the
same in all workers. What is loaded here starts no thread.
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

from serve_app.supervisor.workers.start_worker import STANDARD_STREAMS, become, socket_beside, where_modules_are

PRELOADED = (
    # What Ray and Serve import of others' packages, with the parts that they use.
    *("asyncio", "multiprocessing.connection", "pydantic.v1", "ssl", "unittest.mock", "uvloop"),
    *("attr", "filelock", "jsonschema", "msgpack", "numpy", "psutil", "requests", "tqdm", "yaml"),
    *("fastapi", "grpc.aio", "grpc_reflection.v1alpha.reflection", "uvicorn"),
    *("opentelemetry.sdk.trace.export", "opentelemetry.semconv.trace"),
    # What several of our replicas import that is not Ray.
    *("serve_app.settings", "agent.reply.formatting", "agent.text.smalltalk", "agent.workers.lock_table"),
    *("channels.web_form.submission", "crm.desk", "crm.service_rules", "crm.work", "models.sentiment_lexicon"),
    *("cryptography.x509", "httpx"),
)
_PATIENCE_S = 5.0


class ForkServer:
    """Listens at `path` from construction on; requests wait until `serve`."""

    def __init__(self, path: Path) -> None:
        self._modules = where_modules_are()
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
                try:
                    worker, streams = _read(connection, self._modules)
                except (OSError, ValueError) as error:
                    # Whoever asked sees the connection end, and loads by itself.
                    sys.stderr.write(f"no request for a worker: {error}\n")
                    continue
                try:
                    if os.fork() == 0:
                        self._listener.close()
                        _begin(worker, streams, connection)
                        return list(worker["arguments"])
                finally:
                    for stream in streams:
                        os.close(stream)


def _read(connection: socket.socket, modules: list[str]) -> tuple[dict[str, Any], list[int]]:
    """Raises OSError, or ValueError for what is no request."""
    _, streams, _, _ = socket.recv_fds(connection, 1, len(STANDARD_STREAMS))
    try:
        parts = []
        while part := connection.recv(1 << 16):
            parts.append(part)
        worker = json.loads(b"".join(parts))
        if len(streams) != len(STANDARD_STREAMS):
            raise ValueError(f"{len(streams)} streams")
        if worker["modules"] != modules:
            raise ValueError("it is to load modules from elsewhere, as a runtime environment may say")
    except BaseException:
        for stream in streams:
            os.close(stream)
        raise
    return worker, streams


def _begin(worker: dict[str, Any], streams: list[int], connection: socket.socket) -> None:
    """What this process does as a new worker, before anything of Ray's. It ends here when it cannot, or when nobody
    waits for it any more; then whoever asked loads by itself."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # As the raylet does with the workers that it starts.
        os.setpgid(0, 0)
        become(worker)
        for stream, standard in zip(streams, STANDARD_STREAMS, strict=True):
            os.dup2(stream, standard)
        connection.sendall(b"\1")
    except BaseException as error:
        sys.stderr.write(f"a forked worker could not begin: {error!r}\n")
        os._exit(1)


def main() -> None:
    # A shell that starts something beside others has it ignore these.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    # Its threads would not be in a fork.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    server = ForkServer(socket_beside(Path(sys.argv[1])))
    for module in PRELOADED:
        importlib.import_module(module)
    gc.collect()
    # The collector would write to what is shared.
    gc.freeze()
    sys.argv = server.serve()
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
