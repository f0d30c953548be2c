"""Which hosts are this machine."""

from __future__ import annotations

import pytest

from agent.hosts import is_loopback


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST", "app.localhost", "localhost."]
)
def test_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example.com", "notlocalhost"]
)
def test_what_others_reach(host: str) -> None:
    assert not is_loopback(host)
