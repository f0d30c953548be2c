"""What every way out must keep, whether its provider is real or recorded: one id for each send, and an uncertain send
is found again.

A channel joins by a maker in MAKERS: a context that gives its sender, and how to lose the answer of the next send.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from agent.errors import SendAmbiguous
from agent.ports import Sender, SplittingSender
from agent.records import Channel, ConversationId, IdentifierKind, Identity, OutboxId, OutboxItem, TicketId
from channels.gmail.client import GmailAccount, GmailClient
from channels.gmail.sender import GmailSender
from channels.stored import StoredSender
from channels.whatsapp.addresses import thread_of
from crm.database import Database
from crm.mails import Mails
from tests.fakes.gmail_server import CUT_AFTER, FakeGmail, serve_gmail
from tests.fakes.twilio_server import NUMBER, Fault, fake_twilio
from tests.integration.mail_spine import ADDRESS, write_credentials
from tests.integration.whatsapp_spine import CUSTOMER, twilio_sender


@dataclass
class Way:
    """A sender under test. `lose_answer` makes the next send arrive without an answer; None where that cannot be."""

    sender: Sender
    channel: Channel
    lose_answer: Callable[[], None] | None
    arrived: Callable[[], list[str]]


@asynccontextmanager
async def stored(_: Database) -> AsyncIterator[Way]:
    yield Way(StoredSender("web_form"), Channel.WEB_FORM, None, list)


@asynccontextmanager
async def twilio(database: Database) -> AsyncIterator[Way]:
    async with fake_twilio() as server, twilio_sender(server, database) as sender:
        yield Way(
            sender,
            Channel.WHATSAPP,
            lambda: server.faults.append(Fault.CUT_AFTER_ACCEPT),
            lambda: [message.sid for message in server.sent],
        )


@asynccontextmanager
async def gmail(database: Database) -> AsyncIterator[Way]:
    """With its drafts remembered nowhere: an item under test has no outbox row."""

    async def remember(item: OutboxItem, draft_id: str) -> None:
        return None

    with tempfile.TemporaryDirectory() as folder, serve_gmail(FakeGmail(address=ADDRESS)) as server:
        account = GmailAccount(write_credentials(Path(folder)), ADDRESS, api_url=server.url, units_per_minute=1e6)
        client = GmailClient(account)
        yield Way(
            GmailSender(client, Mails(database), remember, ADDRESS, "Support"),
            Channel.EMAIL,
            lambda: server.fail("drafts.send", CUT_AFTER),
            lambda: [f"{ADDRESS}/{mail.mail_id}" for mail in server.sent()],
        )
        await client.close()


Maker = Callable[[Database], AbstractAsyncContextManager[Way]]
MAKERS: list[Maker] = [stored, twilio, gmail]
every_way = pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)


def item_for(channel: Channel, body: str = "An answer.", number: int = 0) -> OutboxItem:
    return OutboxItem(
        outbox_id=OutboxId(uuid4()),
        conversation_id=ConversationId(uuid4()),
        channel=channel,
        identity=Identity(IdentifierKind.EMAIL, "ada@customer.example", verified=True, display_name="Ada")
        if channel is Channel.EMAIL
        else Identity(IdentifierKind.PHONE, CUSTOMER, verified=True, display_name="Ada"),
        thread_key=thread_of(CUSTOMER, NUMBER),
        subject="Boards",
        ticket_id=TicketId("TF-20260101-0001"),
        body=body,
        send_token=f"token-{number}-{uuid4().hex}",
        attempts=1,
        lease=1,
        was_unknown=False,
        began_at=datetime.now(UTC),
        since_inbound_s=60.0,
    )


@every_way
async def test_each_send_has_an_id_of_its_own(maker: Maker, database: Database) -> None:
    async with maker(database) as way:
        ids = [await way.sender.send(item_for(way.channel, f"Answer {n}.", n)) for n in range(3)]
    assert all(ids)
    assert len(set(ids)) == 3


@every_way
async def test_a_send_without_an_answer_is_found_and_is_the_one_that_arrived(maker: Maker, database: Database) -> None:
    async with maker(database) as way:
        item = item_for(way.channel)
        if way.lose_answer is not None:
            way.lose_answer()
            with pytest.raises(SendAmbiguous):
                await way.sender.send(item)
            expected = way.arrived()[0]
        else:
            expected = await way.sender.send(item)
        assert await way.sender.find_sent(replace(item, was_unknown=True)) == expected
        assert len(way.arrived()) <= 1, "looking sends nothing"


@every_way
async def test_what_was_never_sent_is_not_found_where_the_provider_would_know(maker: Maker, database: Database) -> None:
    async with maker(database) as way:
        await way.sender.send(item_for(way.channel, "Something else."))
        found = await way.sender.find_sent(replace(item_for(way.channel), was_unknown=True))
    assert (found is None) == (way.lose_answer is not None)


@every_way
async def test_a_long_text_is_divided_without_loss(maker: Maker, database: Database) -> None:
    words = [f"word{n}." for n in range(1_000)]
    async with maker(database) as way:
        if not isinstance(way.sender, SplittingSender):
            return
        parts = way.sender.split(item_for(way.channel, " ".join(words)))
    said = [word for part in parts for word in part.split() if word.startswith("word")]
    assert len(parts) > 1
    assert said == words
