"""What must hold for the form to be reached, looked at from outside as a browser does."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from agent.channel_health import Check, CheckResult
from agent.hosts import is_loopback
from channels.web_form.confirmation_page import CONFIRM_PATH

_STRANGER = "https://not-listed.invalid"
_PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


def web_form_checks(base_url: str, allowed_origins: Sequence[str], *, is_production: bool) -> list[Check]:
    """The steps in their order. `base_url` is what customers' links begin with."""

    async def check_address() -> CheckResult:
        return _judge_address(base_url, is_production=is_production)

    async def check_reachable() -> CheckResult:
        return await _expect(base_url, "/health", '"ok"', "Start the system with `fte up`, or correct API_BASE_URL.")

    async def check_form() -> CheckResult:
        return await _expect(base_url, "/", "<support-form", "Something else answers there: correct API_BASE_URL.")

    async def check_confirmation() -> CheckResult:
        wanted = "Let the path through whatever stands in front of the system: links in mails lead there."
        return await _expect(base_url, CONFIRM_PATH, "confirm.js", wanted)

    async def check_origins() -> CheckResult:
        return await _check_origins(base_url, allowed_origins)

    return [
        Check("address", check_address),
        Check("reachable", check_reachable, blocks=True),
        Check("form", check_form),
        Check("confirmation page", check_confirmation),
        Check("embedding sites", check_origins),
    ]


def _judge_address(base_url: str, *, is_production: bool) -> CheckResult:
    parts = urlsplit(base_url)
    here = is_loopback(parts.hostname or "")
    if here and is_production:
        return CheckResult(
            False, f"{base_url} is this machine only", "Set API_BASE_URL to the address that customers use."
        )
    if parts.scheme != "https" and not here:
        return CheckResult(
            False, f"{base_url} is not encrypted", "Put TLS in front of it and set API_BASE_URL to its https address."
        )
    return CheckResult(True, f"customers' links begin with {base_url}" + (", on this machine only" if here else ""))


async def _expect(base_url: str, path: str, content: str, what_to_do: str) -> CheckResult:
    address = f"{base_url}{path}"
    try:
        async with _client() as client:
            answer = await client.get(address)
    except httpx.HTTPError as error:
        return CheckResult(False, f"{address} does not answer ({type(error).__name__})", what_to_do)
    if answer.status_code != 200 or content not in answer.text:
        return CheckResult(False, f"{address} answers {answer.status_code}, and not as expected", what_to_do)
    return CheckResult(True, f"{address} answers")


async def _check_origins(base_url: str, allowed_origins: Sequence[str]) -> CheckResult:
    """Each listed site is let in, and no other."""
    address = f"{base_url}/support/submit"
    what_to_do = "Restart with the present FTE_ALLOWED_ORIGINS, and let nothing in front of the system answer OPTIONS."
    try:
        async with _client() as client:
            for origin in [*allowed_origins, _STRANGER]:
                answer = await client.options(address, headers={"Origin": origin, **_PREFLIGHT})
                allowed = answer.headers.get("access-control-allow-origin", "")
                if origin == _STRANGER and allowed in (origin, "*"):
                    return CheckResult(False, "a site that is not listed is let in", what_to_do)
                if origin != _STRANGER and allowed != origin:
                    return CheckResult(False, f"{origin} is listed and not let in", what_to_do)
    except httpx.HTTPError as error:
        return CheckResult(False, f"{address} does not answer ({type(error).__name__})", what_to_do)
    return CheckResult(True, f"let in: {', '.join(allowed_origins) or 'no other site'}")


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=10, trust_env=False, follow_redirects=False)
