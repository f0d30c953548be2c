"""llama.cpp's server, once for all tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from load.system import free_port
from serve_app.settings import CHECKOUT


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The base URL of llama.cpp's server."""
    port = free_port()
    command = [sys.executable, "-m", "tests.llm.llama_server", str(port)]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert "listening" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()
