"""Whether WhatsApp is set up, step by step against the live API, in the order of docs/howto/whatsapp.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlencode

import httpx

from agent.channel_health import Check, CheckResult
from agent.errors import ProviderAway
from channels.whatsapp.addresses import to_address
from channels.whatsapp.api import REFUSALS, TwilioAccount, TwilioApi, code_of
from channels.whatsapp.provider_errors import CREDENTIALS
from channels.whatsapp.signature import SIGNATURE_HEADER, Form, WebhookDoor

SANDBOX_NUMBER = "+14155238886"
"""Twilio's sandbox for everybody, which is no sender of any account."""
_GUIDE = "docs/howto/whatsapp.md"
_REPORTS = "/webhooks/whatsapp/status"


def whatsapp_checks(account: TwilioAccount, base_url: str, template: str) -> Sequence[Check]:
    """Each opens a connection of its own. None sends a message. `base_url` is where Twilio reaches us."""
    return (
        Check("account", lambda: _check_account(account), blocks=True),
        Check("sender", lambda: _check_sender(account)),
        Check("messages", lambda: _check_messages(account)),
        Check("template", lambda: _check_template(account, template)),
        Check("webhook address", lambda: _check_address(base_url), blocks=True),
        Check("webhook", lambda: _check_webhook(account, base_url)),
    )


@asynccontextmanager
async def _api(account: TwilioAccount) -> AsyncIterator[TwilioApi]:
    api = TwilioApi(account)
    try:
        yield api
    finally:
        await api.close()


async def _check_account(account: TwilioAccount) -> CheckResult:
    try:
        async with _api(account) as api:
            status = await api.fetch_account_status()
    except REFUSALS as error:
        wrong = error.status == 401 or code_of(error) in CREDENTIALS
        found = "Twilio does not accept the account and its token" if wrong else f"Twilio answered {error.status}"
        return CheckResult(False, found, f"Copy TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN from the console: {_GUIDE}.")
    if status != "active":
        return CheckResult(False, f"the account is {status}", "Twilio's console says why.")
    return CheckResult(True, "the account is active and its token fits")


async def _check_sender(account: TwilioAccount) -> CheckResult:
    if account.number == SANDBOX_NUMBER:
        return CheckResult(True, "the number is Twilio's sandbox: only phones that have joined it are reached")
    try:
        async with _api(account) as api:
            senders = await api.fetch_whatsapp_senders()
    except REFUSALS as error:
        return CheckResult(
            False, f"Twilio answered {error.status} when asked for its WhatsApp senders", f"See {_GUIDE}."
        )
    status = senders.get(to_address(account.number))
    if status is None:
        return CheckResult(
            False, "TWILIO_WHATSAPP_NUMBER is no WhatsApp sender of the account", f"Register it as {_GUIDE} says."
        )
    if not status.upper().startswith("ONLINE"):
        return CheckResult(
            False, f"the WhatsApp sender is {status.lower()}", "Twilio's console says what it waits for."
        )
    return CheckResult(True, "the number is a WhatsApp sender of the account and online")


async def _check_messages(account: TwilioAccount) -> CheckResult:
    """What missed webhooks and uncertain sends are looked for with."""
    async with _api(account) as api:
        async for _ in api.list_messages(to=to_address(account.number)):
            break
    return CheckResult(True, "messages can be listed")


async def _check_template(account: TwilioAccount, template: str) -> CheckResult:
    if not template:
        return CheckResult(
            True,
            "no template is set: what is to be said more than 24 hours after the customer's last message goes to a "
            "person",
            f"{_GUIDE} says how to register one for FTE_TWILIO_TEMPLATE_SID.",
        )
    try:
        async with _api(account) as api:
            approval = await api.fetch_template_approval(template)
    except REFUSALS as error:
        return CheckResult(
            False, f"Twilio answered {error.status} when asked for the template", "Look at FTE_TWILIO_TEMPLATE_SID."
        )
    if approval != "approved":
        return CheckResult(
            False, f"WhatsApp says of the template: {approval}", "Wait for its approval, or set another."
        )
    return CheckResult(True, "WhatsApp has approved the template")


async def _check_address(base_url: str) -> CheckResult:
    if not base_url.startswith("https://"):
        return CheckResult(
            False,
            "API_BASE_URL is no https address: Twilio cannot reach it",
            "Set it to the public address, path prefix included, that is set at Twilio.",
        )
    return CheckResult(True, f"webhooks are {base_url}/webhooks/whatsapp and {base_url}{_REPORTS}")


async def _check_webhook(account: TwilioAccount, base_url: str) -> CheckResult:
    """A report on nothing, signed and unsigned, over the public address: it changes nothing."""
    form = Form([("MessageSid", f"SM{'0' * 32}"), ("MessageStatus", "sent"), ("AccountSid", account.sid)])
    signature = WebhookDoor(account.token, base_url).sign(_REPORTS, form)
    answers = []
    async with httpx.AsyncClient(timeout=10, follow_redirects=False) as http:
        for given in (signature, "unsigned"):
            try:
                answer = await http.post(
                    f"{base_url.rstrip('/')}{_REPORTS}",
                    content=urlencode([(name, form.get(name)) for name in form]),
                    headers={"Content-Type": "application/x-www-form-urlencoded", SIGNATURE_HEADER: given},
                )
            except httpx.HTTPError as error:
                raise ProviderAway("API_BASE_URL does not answer from here") from error
            answers.append(answer.status_code)
    match answers:
        case [200, 403]:
            return CheckResult(True, "what is signed is taken and what is not is refused")
        case [403, 403]:
            return CheckResult(
                False,
                "the running system refuses what TWILIO_AUTH_TOKEN signs",
                "It must run with the same TWILIO_AUTH_TOKEN and API_BASE_URL.",
            )
    return CheckResult(
        False,
        f"the public address answers {answers[0]} to what is signed and {answers[1]} to what is not",
        "It must lead to this system, path and query unchanged.",
    )
