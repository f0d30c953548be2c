"""`fte service-rules` against the running application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agent.errors import BadInput, DependencyAway
from deployments.web.services import IngressServices
from serve_app.cli import app
from serve_app.settings import load_settings
from tests.e2e.sites import serving_commands


@pytest.fixture
async def running(services: IngressServices, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The application under the address that the command's settings say."""
    async with serving_commands(services, monkeypatch):
        yield


async def fte(*arguments: str, given: str | None = None) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["service-rules", *arguments], given)


@pytest.mark.usefixtures("running")
async def test_what_is_shown_can_be_changed_and_set(tmp_path: Path) -> None:
    shown = await fte("show", "--channel", "email")
    assert shown.exit_code == 0, shown.output
    rules = json.loads(shown.stdout)
    assert list(rules) == ["email"]
    rules["email"]["business_hours"]["time_zone"] = "Asia/Tokyo"
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(rules), encoding="utf-8")
    done = await fte("set", str(file))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("replaced: email")
    everything = json.loads((await fte("show")).stdout)
    assert everything["email"] == rules["email"]
    assert everything["whatsapp"]["business_hours"]["time_zone"] == "UTC"
    assert (await fte("set", "-", given=json.dumps(everything))).exit_code == 0


@pytest.mark.usefixtures("running")
async def test_a_mistake_names_its_field(tmp_path: Path) -> None:
    rules = json.loads((await fte("show")).stdout)
    rules["web_form"]["reminder_minutes"]["P1"] = 0
    refused = await fte("set", "-", given=json.dumps(rules))
    assert isinstance(refused.exception, BadInput)
    assert str(refused.exception).startswith("web_form.reminder_minutes.P1: ")
    for given, problem in (("{", "is not JSON"), ("[]", "must hold an object"), ("null", "must hold an object")):
        refused = await fte("set", "-", given=given)
        assert isinstance(refused.exception, BadInput)
        assert problem in str(refused.exception)
    refused = await fte("set", str(tmp_path / "nowhere.json"))
    assert isinstance(refused.exception, BadInput)
    assert "cannot be read" in str(refused.exception)
    refused = await fte("show", "--channel", "fax")
    assert "must be one of" in str(refused.exception)


async def test_without_a_running_system_it_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_PORT", "1")
    load_settings.cache_clear()
    try:
        assert isinstance((await fte("show")).exception, DependencyAway)
    finally:
        load_settings.cache_clear()
