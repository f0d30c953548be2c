"""The checks of a set-up WhatsApp account: each trouble is named, with what to do about it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import uvicorn
from pydantic import SecretStr

from agent.channel_health import CheckResult, run_checks
from channels.whatsapp.check import SANDBOX_NUMBER, whatsapp_checks
from channels.whatsapp.signature import WebhookDoor
from crm.database import Database
from deployments.web.app import create_app
from deployments.web.services import connect_services
from tests.fakes.twilio_server import NUMBER, TOKEN, FakeTwilio, fake_twilio
from tests.integration.http_spine import OPERATOR_KEY
from tests.integration.whatsapp_spine import TEMPLATE
from tests.somewhere import answering
from tests.waiting import until


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as server:
        yield server


async def results(
    twilio: FakeTwilio, base_url: str = "https://nowhere.invalid", **changes: str
) -> dict[str, CheckResult]:
    account = replace(twilio.account, **{name: value for name, value in changes.items() if name != "template"})
    reports = run_checks(whatsapp_checks(account, base_url, changes.get("template", "")))
    return {report.name: report.result async for report in reports if report.result is not None}


async def test_a_set_up_account_passes_step_by_step(twilio: FakeTwilio) -> None:
    found = await results(twilio, template=TEMPLATE)
    for name in ("account", "sender", "messages", "template", "webhook address"):
        assert found[name].ok, found[name]
    assert not found["webhook"].ok, "nobody is at that address"


async def test_wrong_credentials_are_said_and_nothing_else_is_tried(twilio: FakeTwilio) -> None:
    account = replace(twilio.account, token=SecretStr("wrong"))
    reports = [each async for each in run_checks(whatsapp_checks(account, "https://nowhere.invalid", ""))]
    assert reports[0].result is not None
    assert not reports[0].result.ok
    assert "TWILIO_AUTH_TOKEN" in reports[0].result.what_to_do
    assert "wrong" not in str(reports)
    assert all(each.result is None for each in reports[1:])


async def test_each_trouble_has_its_sentence(twilio: FakeTwilio) -> None:
    twilio.senders = {f"whatsapp:{NUMBER}": "PENDING_VERIFICATION"}
    twilio.template_approval = "rejected"
    found = await results(twilio, "http://127.0.0.1:8000", template=TEMPLATE)
    assert "pending" in found["sender"].detail
    assert "rejected" in found["template"].detail
    assert "https" in found["webhook address"].detail
    twilio.senders = {}
    assert "no WhatsApp sender" in (await results(twilio))["sender"].detail
    assert (await results(twilio, number=SANDBOX_NUMBER))["sender"].ok


async def test_an_account_that_is_closed_is_told_and_blocks_the_rest(twilio: FakeTwilio) -> None:
    twilio.account_status = "suspended"
    found = await results(twilio)
    assert list(found) == ["account"]
    assert found["account"].detail == "the account is suspended"


@pytest.mark.parametrize(
    ("path", "status", "check"),
    [("/Senders", 403, "sender"), ("/ApprovalRequests", 404, "template"), ("/Messages.json", 500, "messages")],
)
async def test_what_twilio_refuses_fails_its_own_step_and_no_other(
    twilio: FakeTwilio, path: str, status: int, check: str
) -> None:
    twilio.refused = {path: status}
    found = await results(twilio, template=TEMPLATE)
    assert {name for name in ("account", "sender", "messages", "template") if not found[name].ok} == {check}
    assert found[check].detail
    assert TOKEN not in str(found)


@pytest.mark.parametrize("answer", [200, 404, 302, 502])
async def test_an_address_that_leads_elsewhere_is_told(twilio: FakeTwilio, answer: int) -> None:
    """A start page, a proxy without a way on, a redirect that loses the signed address."""
    async with answering(answer) as base_url:
        check = next(each for each in whatsapp_checks(twilio.account, base_url, "") if each.name == "webhook")
        result = await check.run()
    assert not result.ok
    assert str(answer) in result.detail
    assert "path and query unchanged" in result.what_to_do


@pytest.mark.parametrize(("token", "ok"), [(TOKEN, True), ("another", False)])
async def test_the_webhook_is_tried_signed_and_unsigned(
    twilio: FakeTwilio, database: Database, token: str, ok: bool
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        services = connect_services(
            database,
            operator_key=SecretStr(OPERATOR_KEY),
            token_secret=SecretStr("x" * 30),
            whatsapp=WebhookDoor(SecretStr(token), base_url),
        )
        config = uvicorn.Config(create_app(services), log_level="warning", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await until(lambda: server.started or task.done())
        check = next(each for each in whatsapp_checks(twilio.account, base_url, "") if each.name == "webhook")
        result = await check.run()
        server.should_exit = True
        await task
    assert result.ok == ok, result
