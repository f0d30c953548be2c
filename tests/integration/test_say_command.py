"""`fte say` against the application over HTTP: signed, answered, and shown."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from agent.errors import BadInput, ConfigurationInvalid, DependencyAway, SignatureInvalid
from channels.whatsapp.signature import WebhookDoor
from crm.database import Database
from deployments.web.app import create_app
from deployments.web.services import connect_services
from serve_app.cli import app
from serve_app.settings import key_files, load_settings
from tests.integration.http_spine import OPERATOR_KEY, responder
from tests.integration.spine import reply_to
from tests.integration.test_turns import fetch_value
from tests.waiting import until

TOKEN = "local-token-of-the-tests"


@asynccontextmanager
async def running(database: Database, home: Path, *, accepts: str = TOKEN) -> AsyncIterator[None]:
    """The application on loopback, with what `fte up` leaves in its home; `accepts` is the token it verifies with."""
    with socket.socket() as listener, pytest.MonkeyPatch.context() as patch:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        for name, file in key_files(home).items():
            file.parent.mkdir(exist_ok=True)
            file.write_text({"operator_key": OPERATOR_KEY, "twilio_auth_token": TOKEN}.get(name, "x" * 30))
        for name, value in {"FTE_HOME": str(home), "API_PORT": str(port), "API_HOST": "127.0.0.1"}.items():
            patch.setenv(name, value)
        load_settings.cache_clear()
        services = connect_services(
            database,
            operator_key=SecretStr(OPERATOR_KEY),
            token_secret=SecretStr("a token secret of the tests"),
            whatsapp=WebhookDoor(SecretStr(accepts), load_settings().base_url),
        )
        config = uvicorn.Config(create_app(services), log_level="warning", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started or task.done())
        try:
            yield
        finally:
            server.should_exit = True
            await task
            load_settings.cache_clear()


async def fte(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


@pytest.mark.parametrize(
    ("channel", "sender"), [("whatsapp", "+15550100"), ("whatsapp", None), ("web_form", "ada@example.com")]
)
async def test_what_is_said_on_a_channel_is_answered_there(
    database: Database, tmp_path: Path, channel: str, sender: str | None
) -> None:
    given = ["--from", sender] if sender else []
    async with running(database, tmp_path), responder(database, lambda context: reply_to(context, "By the button.")):
        result = await fte("say", "--channel", channel, *given, "How do I create a board?")
    assert result.exit_code == 0, result.output
    assert "By the button." in result.stdout
    assert "(reply; TF-" in result.stderr
    assert await fetch_value(database, "SELECT channel FROM messages WHERE direction = 'inbound'") == channel


async def test_a_second_time_shows_the_second_answer(database: Database, tmp_path: Path) -> None:
    async with running(database, tmp_path), responder(database, reply_to):
        for number in (1, 2):
            result = await fte("say", "--json", "The same words.")
            assert json.loads(result.stdout)["replies"] == [f"re: {number}"]


async def test_stop_is_confirmed_and_what_follows_is_not_answered(database: Database, tmp_path: Path) -> None:
    async with running(database, tmp_path), responder(database, reply_to):
        stopped = json.loads((await fte("say", "--json", "STOP")).stdout)
        assert (stopped["outcome"], stopped["reason"]) == ("suppressed", "opt_out")
        assert "START" in stopped["replies"][0]


async def test_another_copys_token_is_refused_with_a_sentence(database: Database, tmp_path: Path) -> None:
    async with running(database, tmp_path, accepts="another"):
        result = await fte("say", "hello")
    assert isinstance(result.exception, SignatureInvalid)
    assert await fetch_value(database, "SELECT count(*) FROM messages") == 0


async def test_without_an_answer_it_says_so(database: Database, tmp_path: Path) -> None:
    async with running(database, tmp_path):
        result = await fte("say", "--timeout", "1", "hello")
    assert isinstance(result.exception, DependencyAway)


async def test_with_a_real_account_nobody_is_written_to(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("TWILIO_WHATSAPP_NUMBER", "+15550100999")
    async with running(database, tmp_path):
        result = await fte("say", "hello")
    assert isinstance(result.exception, ConfigurationInvalid)
    assert "real phone" in str(result.exception)


async def test_an_empty_text_is_named() -> None:
    result = await fte("say", " ")
    assert isinstance(result.exception, BadInput)
    assert result.exception.field == "TEXT"
