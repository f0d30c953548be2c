"""Checks of a channel: in order, each failure a sentence, none that could only repeat an earlier one."""

from __future__ import annotations

import asyncio

from agent.channel_health import Check, CheckReport, CheckResult, run_checks
from agent.errors import ConfigurationInvalid


def passes(name: str) -> Check:
    async def run() -> CheckResult:
        return CheckResult(True, f"{name} is fine")

    return Check(name, run)


async def reports(*checks: Check, timeout_s: float = 15.0) -> list[CheckReport]:
    return [report async for report in run_checks(checks, timeout_s)]


async def test_checks_run_in_their_order() -> None:
    assert [report.name for report in await reports(passes("one"), passes("two"))] == ["one", "two"]


async def test_what_comes_after_a_blocking_failure_is_skipped() -> None:
    async def fail() -> CheckResult:
        return CheckResult(False, "not set", "Set it.")

    first, second = await reports(Check("credentials", fail, blocks=True), passes("account"))
    assert first.result == CheckResult(False, "not set", "Set it.")
    assert second.result is None


async def test_a_failure_that_does_not_block_is_followed_by_the_rest() -> None:
    async def fail() -> CheckResult:
        return CheckResult(False, "late")

    _, second = await reports(Check("watch", fail), passes("account"))
    assert second.result is not None
    assert second.result.ok


async def test_an_error_of_ours_is_quoted() -> None:
    async def fail() -> CheckResult:
        raise ConfigurationInvalid("API_BASE_URL is not set")

    [report] = await reports(Check("webhook", fail))
    assert report.result is not None
    assert not report.result.ok
    assert "API_BASE_URL" in report.result.detail


async def test_what_a_library_raises_is_not_quoted_because_it_may_hold_a_secret() -> None:
    async def fail() -> CheckResult:
        raise RuntimeError("401 for https://user:hunter2@api.example.com")

    [report] = await reports(Check("account", fail))
    assert report.result is not None
    assert not report.result.ok
    assert "hunter2" not in str(report.result)
    assert "RuntimeError" in report.result.detail


async def test_a_check_that_gets_no_answer_ends() -> None:
    async def hang() -> CheckResult:
        await asyncio.Event().wait()
        raise AssertionError

    [report] = await reports(Check("account", hang), timeout_s=0.01)
    assert report.result is not None
    assert "no answer" in report.result.detail
