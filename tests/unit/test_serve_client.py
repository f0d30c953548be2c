"""Deploying through a dashboard that is late, in trouble, or gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from agent.errors import ConfigurationInvalid, DependencyAway
from serve_app.supervisor import serve_client
from serve_app.supervisor.serve_client import ServeClient

Answer = httpx.Response | httpx.TransportError


def application(status: str) -> httpx.Response:
    return httpx.Response(200, json={"applications": {"fte": {"status": status, "message": "boom"}}})


@pytest.fixture
def client_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ServeClient]:
    """A client whose n-th request gets the n-th answer; the last one repeats."""
    monkeypatch.setattr(serve_client, "_LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(serve_client, "_ROLLOUT_PERIOD_S", 0.0)
    (tmp_path / "token").write_text("t")

    def make(*answers: Answer) -> ServeClient:
        left = list(answers)

        def answer(_: httpx.Request) -> httpx.Response:
            now = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(now, httpx.TransportError):
                raise now
            return now

        client = ServeClient("http://dashboard", tmp_path / "token")
        client._http = httpx.Client(base_url="http://dashboard", transport=httpx.MockTransport(answer))
        return client

    return make


def test_a_dashboard_that_still_starts_is_asked_again(client_of: Callable[..., ServeClient]) -> None:
    client_of(httpx.ConnectError("refused"), httpx.Response(500, text="Ray starts"), httpx.Response(200)).put({})


def test_a_refused_configuration_is_told_at_once(client_of: Callable[..., ServeClient]) -> None:
    with pytest.raises(ConfigurationInvalid, match="no such option"):
        client_of(httpx.Response(400, text="Traceback\nno such option"), httpx.Response(200)).put({})


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.Response(500, text="Ray is ill")])
def test_trouble_without_end_is_told(client_of: Callable[..., ServeClient], answer: Answer) -> None:
    with pytest.raises((DependencyAway, ConfigurationInvalid)):
        client_of(answer).put({}, patience_s=0.01)


def test_a_rollout_survives_a_dashboard_that_is_late(client_of: Callable[..., ServeClient]) -> None:
    client = client_of(application("DEPLOYING"), httpx.ReadTimeout("late"), httpx.Response(503), application("RUNNING"))
    seen: list[str] = []
    client.wait_until_running("fte", 60, lambda rollout: seen.append(rollout.status))
    assert seen == ["DEPLOYING", "RUNNING"]


def test_a_dashboard_that_is_gone_ends_the_wait(
    client_of: Callable[..., ServeClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve_client, "_SILENCE_LIMIT_S", 0.01)
    with pytest.raises(DependencyAway, match="does not answer"):
        client_of(application("DEPLOYING"), httpx.ConnectError("refused")).wait_until_running("fte", 60, lambda _: None)


def test_a_failed_rollout_says_why(client_of: Callable[..., ServeClient]) -> None:
    with pytest.raises(ConfigurationInvalid, match="boom"):
        client_of(application("DEPLOY_FAILED")).wait_until_running("fte", 60, lambda _: None)
