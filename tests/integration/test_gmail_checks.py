"""`fte channels check email`: each step of the how-to is looked at, and a failure says what to do."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent.channel_health import CheckResult, run_checks
from channels.gmail.check import PushSetup, gmail_checks
from channels.gmail.client import GmailAccount
from channels.gmail.local_push import make_key
from tests.fakes.gmail_server import FakeGmail, Fault
from tests.integration.mail_spine import ADDRESS, write_credentials
from tests.somewhere import answering

PUSH = PushSetup("http://127.0.0.1:9", "push@a-project.iam.gserviceaccount.com", "an audience", 180)


@pytest.fixture
def account(gmail: FakeGmail, tmp_path: Path) -> GmailAccount:
    topic = "projects/p/topics/mail"
    return GmailAccount(write_credentials(tmp_path), ADDRESS, topic, gmail.url, units_per_minute=1e6, timeout_s=60)


async def found(account: GmailAccount, push: PushSetup = PUSH) -> dict[str, CheckResult | None]:
    return {report.name: report.result async for report in run_checks(gmail_checks(account, push))}


def is_ok(results: dict[str, CheckResult | None], name: str) -> bool:
    result = results[name]
    return result is not None and result.ok


async def test_a_mailbox_that_is_set_up_passes_without_sending(gmail: FakeGmail, account: GmailAccount) -> None:
    results = await found(account)
    for name in ("credentials file", "sign-in", "reading", "sending", "notifications"):
        assert is_ok(results, name), results[name]
    assert gmail.sent() == []
    assert gmail.drafts == {}
    told = " ".join(each.detail for each in results.values() if each is not None)
    assert '"r"' not in told


async def test_refused_credentials_are_told_and_the_rest_is_skipped(gmail: FakeGmail, account: GmailAccount) -> None:
    gmail.token_error = "invalid_grant"
    results = await found(account)
    sign_in = results["sign-in"]
    assert sign_in is not None
    assert not sign_in.ok
    assert "invalid_grant" in sign_in.detail
    assert "7 days" in sign_in.what_to_do
    assert results["reading"] is results["notifications"] is None


async def test_credentials_of_another_mailbox_are_told(gmail: FakeGmail, account: GmailAccount) -> None:
    gmail.address = "somebody@example.com"
    assert not is_ok(await found(account), "sign-in")


async def test_a_topic_that_gmail_may_not_publish_to_is_told(gmail: FakeGmail, account: GmailAccount) -> None:
    gmail.fail("watch", Fault(403, "forbidden"))
    result = (await found(account))["notifications"]
    assert result is not None
    assert not result.ok
    assert "gmail-api-push@system.gserviceaccount.com" in result.what_to_do


async def test_a_scope_that_does_not_send_is_told(gmail: FakeGmail, account: GmailAccount) -> None:
    gmail.fail("drafts.create", Fault(403, "insufficientPermissions"))
    result = (await found(account))["sending"]
    assert result is not None
    assert not result.ok
    assert "gmail.modify" in result.what_to_do


async def test_push_settings_are_looked_at(account: GmailAccount) -> None:
    assert not is_ok(await found(account, replace(PUSH, account="")), "push settings")
    assert not is_ok(await found(account, PUSH), "push settings"), "not https"
    assert not is_ok(await found(account, PUSH), "push endpoint"), "nobody answers there"
    without = await found(replace(account, topic=""))
    assert is_ok(without, "notifications")
    assert is_ok(without, "push settings")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        ("no JSON", "is not JSON"),
        ("[]", "is not a JSON object"),
        (json.dumps({"installed": {"client_id": "c", "client_secret": "s"}}), "not yet an authorised user"),
        (json.dumps({"refresh_token": "r"}), "neither"),
        (json.dumps({"refresh_token": "", "client_id": "c", "client_secret": "s"}), "neither"),
        (json.dumps({"type": "service_account", "client_email": "a@b.example"}), "neither"),
        (json.dumps({"type": "service_account", "client_email": "a@b.example", "private_key": "x"}), "neither"),
    ],
)
async def test_a_file_that_is_no_credential_is_told(account: GmailAccount, content: str | None, told: str) -> None:
    if content is None:
        account.credentials_path.unlink()
    else:
        account.credentials_path.write_text(content)
    results = await found(account)
    result = results["credentials file"]
    assert result is not None
    assert not result.ok
    assert told in result.detail
    assert results["sign-in"] is None


async def test_a_service_account_acts_for_the_mailbox(gmail: FakeGmail, account: GmailAccount) -> None:
    from google.auth import jwt

    info = {"type": "service_account", "client_email": "fte@p.iam.gserviceaccount.com", "private_key": make_key()}
    account.credentials_path.write_text(json.dumps(info))
    assert is_ok(await found(account), "sign-in")
    claims = jwt.decode(gmail.token_requests[0]["assertion"][0], verify=False)
    assert claims["sub"] == ADDRESS
    assert claims["scope"] == "https://www.googleapis.com/auth/gmail.modify"
    assert claims["iss"] == "fte@p.iam.gserviceaccount.com"


@pytest.mark.parametrize("fault", [Fault(500), Fault(403, "accessNotConfigured")])
async def test_a_mailbox_that_cannot_be_read_fails_that_step_and_no_other(
    gmail: FakeGmail, account: GmailAccount, fault: Fault
) -> None:
    gmail.fail("history.list", fault)
    results = await found(account)
    reading = results["reading"]
    assert reading is not None
    assert not reading.ok
    assert reading.detail
    assert is_ok(results, "sending")
    assert is_ok(results, "notifications")


@pytest.mark.parametrize(("answer", "ok"), [(403, True), (200, False), (404, False), (302, False), (502, False)])
async def test_the_push_endpoint_must_be_ours_and_refuse_what_is_not_signed(
    account: GmailAccount, answer: int, ok: bool
) -> None:
    async with answering(answer) as base_url:
        check = next(
            each for each in gmail_checks(account, replace(PUSH, base_url=base_url)) if each.name == "push endpoint"
        )
        result = await check.run()
    assert result.ok == ok
    assert ok or str(answer) in result.detail


async def test_push_settings_that_fit_name_who_must_sign_and_for_whom(account: GmailAccount) -> None:
    push = replace(PUSH, base_url="https://support.example.invalid")
    check = next(each for each in gmail_checks(account, push) if each.name == "push settings")
    result = await check.run()
    assert result.ok
    assert push.account in result.detail
    assert push.audience in result.detail
