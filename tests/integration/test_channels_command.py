"""`fte channels` and `fte channels check` against the running application, and `fte customers` beside them."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from typer.testing import CliRunner, Result

from agent.channel_health import Check, CheckResult
from agent.errors import BadInput, Conflict
from agent.records import Channel
from crm.database import Database
from crm.inbox import Inbox
from crm.merge import merge_customers
from deployments.web.services import IngressServices
from serve_app import channel_checks
from serve_app.channel_checks import REGISTRY, ChannelChecks, checks_of
from serve_app.cli import app
from serve_app.settings import Settings, load_settings
from tests.e2e.sites import serving_commands
from tests.integration.spine import mail_message, whatsapp_message

SITE = "https://www.example.com"


@pytest.fixture
async def address(services: IngressServices, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The application under the address that the command's settings say."""
    services = dataclasses.replace(services, allowed_origins=(SITE,))
    monkeypatch.setenv("FTE_ALLOWED_ORIGINS", SITE)
    async with serving_commands(services, monkeypatch) as address:
        yield address


async def fte(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments))


@pytest.mark.usefixtures("address")
async def test_channels_are_shown_with_what_is_missing_and_no_value(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    await Inbox(database).accept(whatsapp_message("+15550170"))
    shown = await fte("channels")
    assert shown.exit_code == 0, shown.output
    told = " ".join(shown.stdout.split())
    assert "email: not set: credentials whatsapp: not set: credentials" in told, "each on a line of its own"
    assert "last error" not in told, "nothing stands in that column"
    rows = {line.split()[0]: line for line in shown.stdout.splitlines()[1 : 1 + len(Channel)]}
    assert set(rows) == set(Channel)
    assert "offline" in rows["whatsapp"]
    assert "s ago" in rows["whatsapp"]
    assert "never" in rows["email"]
    listed = json.loads((await fte("channels", "--json")).stdout)
    assert {each["channel"]: each["open_windows"] for each in listed} == {
        "email": None,
        "whatsapp": 1,
        "web_form": None,
    }


@pytest.mark.usefixtures("address")
async def test_offline_channel_says_what_is_missing_and_where_to_get_it() -> None:
    for channel, missing, guide in (
        ("email", ("GMAIL_CREDENTIALS_PATH", "FTE_GMAIL_MAILBOX"), "docs/howto/gmail.md"),
        ("whatsapp", ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_NUMBER"), "docs/howto/whatsapp.md"),
    ):
        checked = await fte("channels", "check", channel)
        assert checked.exit_code == 1
        assert all(name in checked.stdout for name in missing), checked.stdout
        assert guide in checked.stdout


@pytest.mark.usefixtures("address")
async def test_form_that_works_passes_every_step() -> None:
    checked = await fte("channels", "check", "web_form", "--json")
    assert checked.exit_code == 0, checked.output
    reports = [json.loads(line) for line in checked.stdout.splitlines()]
    assert [report["check"] for report in reports] == [
        "address",
        "reachable",
        "form",
        "confirmation page",
        "embedding sites",
    ]
    assert all(report["ok"] for report in reports), reports
    assert SITE in reports[-1]["detail"]


async def test_form_that_is_not_reached_skips_what_cannot_work(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:1")
    load_settings.cache_clear()
    checked = await fte("channels", "check", "web_form")
    assert checked.exit_code == 1
    assert "does not answer" in checked.stdout
    assert checked.stdout.count("skipped") == 3


async def test_site_that_the_running_system_does_not_let_in_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTE_ALLOWED_ORIGINS", f"{SITE},https://new.example.com")
    load_settings.cache_clear()
    checked = await fte("channels", "check", "web_form")
    assert checked.exit_code == 1
    assert "https://new.example.com is listed and not let in" in checked.stdout


async def test_address_of_this_machine_is_refused_in_production(address: str) -> None:
    here, plain, open_to_all = (
        Settings(environment="development", api_base_url=url) for url in (address, "http://x.example.com", "https://x")
    )
    assert (await checks_of(Channel.WEB_FORM, here)[0].run()).ok
    assert not (await checks_of(Channel.WEB_FORM, plain)[0].run()).ok
    assert (await checks_of(Channel.WEB_FORM, open_to_all)[0].run()).ok
    secrets = {"FTE_OPERATOR_KEY": "k" * 24, "FTE_TOKEN_SECRET": "t" * 24}
    production = Settings(environment="production", api_base_url=address, **secrets)  # type: ignore[arg-type]
    result = await checks_of(Channel.WEB_FORM, production)[0].run()
    assert not result.ok
    assert "API_BASE_URL" in result.what_to_do


async def test_unknown_channel_is_refused_with_those_that_there_are() -> None:
    refused = await fte("channels", "check", "fax")
    assert isinstance(refused.exception, BadInput)
    assert "whatsapp" in str(refused.exception)


async def test_adapter_s_checks_run_after_its_credentials_and_only_with_them(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an adapter registers; the provider is the application itself here."""

    async def look() -> CheckResult:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.get(f"{address}/health")
        return CheckResult(answer.status_code == 200, "the account answers")

    async def refuse() -> CheckResult:
        return CheckResult(False, "the sender is not registered", "Register it in the console.")

    adapter = ChannelChecks(
        needs=REGISTRY[Channel.WHATSAPP].needs,
        live=lambda _: [Check("account", look, blocks=True), Check("sender", refuse)],
        guide="docs/howto/whatsapp.md",
    )
    monkeypatch.setattr(channel_checks, "REGISTRY", {**REGISTRY, Channel.WHATSAPP: adapter})
    offline = await fte("channels", "check", "whatsapp", "--json")
    assert [json.loads(line)["ok"] for line in offline.stdout.splitlines()] == [False, None, None]
    for name, value in (("ACCOUNT_SID", "AC1"), ("AUTH_TOKEN", "s3cret"), ("WHATSAPP_NUMBER", "+15550100")):
        monkeypatch.setenv(f"TWILIO_{name}", value)
    load_settings.cache_clear()
    live = await fte("channels", "check", "whatsapp")
    assert live.exit_code == 1
    assert "ok account: the account answers" in live.stdout
    assert "no sender: the sender is not registered" in live.stdout
    assert "Register it in the console." in live.stdout
    assert "s3cret" not in live.stdout


@pytest.mark.usefixtures("address")
async def test_merges_are_listed_and_undone_from_the_command_line(database: Database) -> None:
    assert (await fte("customers", "merges")).stdout == "no customers were merged\n"
    phone = await Inbox(database).accept(whatsapp_message("+15550171"))
    mail = await Inbox(database).accept(mail_message())
    merge = await merge_customers(database, phone.customer_id, mail.customer_id, "a link")
    shown = await fte("customers", "merges")
    assert str(merge) in shown.stdout
    assert "because a link" in shown.stdout
    undone = await fte("customers", "unmerge", str(merge))
    assert undone.exit_code == 0, undone.output
    (row,) = json.loads((await fte("customers", "merges", "--json", "--customer", str(phone.customer_id))).stdout)
    assert row["undone_at"] is not None
    assert isinstance((await fte("customers", "unmerge", str(merge))).exception, Conflict)
    assert isinstance((await fte("customers", "unmerge", "nonsense")).exception, BadInput)
