"""llama.cpp's server, once for all tests, and before it one that holds each request against OpenAI's description."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from load.system import free_port
from serve_app.settings import CHECKOUT
from tests.fakes.openai_contract import Contract
from tests.fakes.openai_server import serve_openai
from tests.llm.exchanges import Exchange, Listens

PATIENCE_S = 120.0
"""For one answer; more than any deadline of a turn."""


@dataclass(frozen=True)
class ModelServer:
    base_url: str
    heard: list[Exchange]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The origin of llama.cpp's server."""
    port = free_port()
    command = [sys.executable, "-m", "tests.llm.llama_server", str(port)]
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        assert "listening" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:  # in the midst of an answer that nobody waits for any more
            process.kill()
            process.wait()
        process.stdout.close()


@pytest.fixture
async def model_server(server: str) -> AsyncIterator[ModelServer]:
    """What the system is given as its model's server: it hands everything on, and tells of it.

    Every request must be one that OpenAI's description allows, where that is at hand.
    """
    listens = Listens(server, PATIENCE_S)
    async with serve_openai(listens, contract=Contract.read()) as between:
        yield ModelServer(between.base_url, listens.heard)
    assert between.asked
    assert between.problems == []
