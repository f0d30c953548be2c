"""WhatsApp in tests: signed webhooks into the application, and a courier that delivers to the Twilio in miniature."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from agent.ports import Sender
from agent.records import Channel, OutboxItem, SendRate
from agent.times import Times
from agent.workers.delivery import DeliveryLoop
from channels.stored import StoredSender
from channels.whatsapp.api import TwilioApi
from channels.whatsapp.sender import TwilioSender
from channels.whatsapp.signature import Form, WebhookDoor
from crm.database import Database
from crm.outbox import Outbox
from deployments.web.services import IngressServices, connect_services
from tests.fakes.twilio_server import ACCOUNT, NUMBER, TOKEN, FakeTwilio, new_sid
from tests.integration.http_spine import OPERATOR_KEY

BASE_URL = "https://support.example.com/help"
CUSTOMER = "+15550100123"
DOOR = WebhookDoor(SecretStr(TOKEN), BASE_URL)
TEMPLATE = "HX" + "b" * 32


def whatsapp_services(database: Database) -> IngressServices:
    return connect_services(
        database,
        operator_key=SecretStr(OPERATOR_KEY),
        token_secret=SecretStr("a token secret of the tests"),
        whatsapp=DOOR,
    )


def fields(body: str = "How do I create a board?", sid: str | None = None, **changes: str) -> dict[str, str]:
    return {
        "MessageSid": sid or new_sid("SM"),
        "AccountSid": ACCOUNT,
        "From": f"whatsapp:{CUSTOMER}",
        "To": f"whatsapp:{NUMBER}",
        "Body": body,
        "NumMedia": "0",
        "ProfileName": "Ada",
    } | changes


async def post_signed(
    client: httpx.AsyncClient, form: Mapping[str, str], path: str = "/webhooks/whatsapp", query: str = ""
) -> httpx.Response:
    """As Twilio posts it: signed over the public address, wherever the proxy sends it."""
    signature = WebhookDoor(SecretStr(TOKEN), BASE_URL).sign(
        f"{path}{f'?{query}' if query else ''}", Form([*form.items()])
    )
    return await client.post(
        f"{path}{f'?{query}' if query else ''}",
        content=urlencode(form),
        headers={"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature},
    )


async def report(
    client: httpx.AsyncClient, outbox_id: object, sid: str, status: str, part: int = 0, **more: str
) -> httpx.Response:
    form = {"MessageSid": sid, "MessageStatus": status, "AccountSid": ACCOUNT} | more
    return await post_signed(client, form, "/webhooks/whatsapp/status", f"outbox={outbox_id}&part={part}")


@asynccontextmanager
async def twilio_sender(twilio: FakeTwilio, database: Database, template: str = "") -> AsyncIterator[TwilioSender]:
    api = TwilioApi(twilio.account)
    try:
        yield TwilioSender(
            api,
            callback_url=f"{BASE_URL}/webhooks/whatsapp/status",
            template=template,
            known_ids=Outbox(database).fetch_known_ids,
        )
    finally:
        await api.close()


class Courier(DeliveryLoop):
    """A courier that a test drives, round by round; what it says it has sent is what its outbox says."""

    def __init__(
        self, database: Database, sender: Sender, times: Times | None = None, rate: SendRate | None = None
    ) -> None:
        async def listen(*_: Any) -> Any:
            raise AssertionError("a test drives the rounds itself")

        self.outbox = Outbox(database, {Channel.WHATSAPP: rate} if rate else {})
        self._of_tests = database
        senders = {channel: StoredSender(channel.value) for channel in Channel}
        super().__init__(
            self.outbox, senders | {Channel.WHATSAPP: sender}, listen, lambda: None, times or database.times
        )

    async def deliver(self, rounds: int = 20) -> None:
        """Deliver what is due, and what becomes due at once by that."""
        for _ in range(rounds):
            if await self._round() > 0:
                return

    async def deliver_all(self, rounds: int = 20) -> None:
        """As deliver, with every pause over."""
        for _ in range(rounds):
            await make_due(self._of_tests)
            await self.deliver()
            if not await self.open():
                return
        raise AssertionError("something is still to be sent")

    async def open(self) -> bool:
        async with self._of_tests.connection() as connection:
            return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM outbox WHERE finished_at IS NULL)"))


async def make_due(database: Database) -> None:
    """Every pause is over, and every lease of a courier that died."""
    async with database.connection() as connection:
        await connection.execute(
            "UPDATE outbox SET due_at = now(), lease_until = CASE WHEN lease_until IS NULL THEN NULL ELSE now() END "
            "WHERE finished_at IS NULL"
        )


async def claim(database: Database) -> OutboxItem:
    await make_due(database)
    (item,) = await Outbox(database).claim(10)
    return item


@contextlib.asynccontextmanager
async def recorded(_: object) -> AsyncIterator[StoredSender]:
    yield StoredSender("whatsapp")
