"""The offline mode takes the way of the live one: a signed push, a sync from the cursor, the same reading of mail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from agent.channel_health import ChannelMode, ChannelState
from agent.errors import BadInput, ConfigurationInvalid
from agent.records import Channel
from agent.workers.delivery import DeliveryLoop
from channels.gmail.local import address_of
from channels.gmail.local_push import make_key
from crm.database import Database
from crm.mailboxes import Mailboxes
from crm.outbox import Outbox
from deployments.mail_channel import MailChannel, open_mail_channel
from deployments.mail_state import mail_state_reader
from deployments.web.pushes import receive_pushes
from serve_app.say_email import WEBHOOK, push_of, write_mail
from serve_app.settings import Settings
from tests.integration.http_spine import answer_due, http_client, services_for
from tests.integration.spine import reply_to


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, field in Settings.model_fields.items():
        monkeypatch.delenv(str(field.validation_alias or name).upper(), raising=False)
    monkeypatch.setenv("FTE_HOME", str(tmp_path))
    return Settings().model_copy(update={"local_push_key": SecretStr(make_key())})


@pytest.fixture
async def mail(settings: Settings, database: Database) -> MailChannel:
    return open_mail_channel(settings, database, Outbox(database))


@pytest.fixture
async def door(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(services_for(database, pushes=receive_pushes(settings))) as client:
        yield client


async def say(
    settings: Settings, door: httpx.AsyncClient, text: str, sender: str = "ada@customer.example", **how: bool
) -> None:
    number = write_mail(settings, sender, "Ada", text, "", goes_on=how.get("goes_on", False))
    body, headers = push_of(settings, number)
    answer = await door.post(WEBHOOK, content=body, headers=headers)
    assert answer.status_code == 204


async def rows(database: Database, query: str) -> list[dict[str, object]]:
    async with database.connection() as connection:
        return [dict(row) for row in await connection.fetch(query)]


async def test_what_is_said_by_mail_is_answered(
    settings: Settings, database: Database, mail: MailChannel, door: httpx.AsyncClient
) -> None:
    await say(settings, door, "How do I create a board?")
    await mail.loop._round()
    assert await answer_due(database, reply_to, deliver=False) == 1

    async def listen(*_: object) -> object:
        raise AssertionError("a round listens to nothing")

    senders = {Channel.EMAIL: mail.sender}
    await DeliveryLoop(Outbox(database), senders, listen, lambda: None, database.times)._round()
    [row] = await rows(database, "SELECT o.state, c.channel FROM outbox o JOIN conversations c USING (conversation_id)")
    assert row == {"state": "sent", "channel": "email"}
    [identity] = await rows(database, "SELECT value, verified_at IS NOT NULL AS verified FROM customer_identifiers")
    assert identity == {"value": "ada@customer.example", "verified": True}


async def test_what_lay_there_before_the_first_sync_is_read_too(
    settings: Settings, database: Database, mail: MailChannel, door: httpx.AsyncClient
) -> None:
    """`fte say` right after the start, before anybody has looked into the folder."""
    await say(settings, door, "first")
    await say(settings, door, "second", "bob@customer.example")
    await mail.loop._round()
    bodies = [row["body"] for row in await rows(database, "SELECT body FROM messages ORDER BY created_at")]
    assert bodies == ["first", "second"]


async def test_who_goes_on_stays_in_the_thread_and_who_does_not_begins_one(
    settings: Settings, database: Database, mail: MailChannel, door: httpx.AsyncClient
) -> None:
    with pytest.raises(BadInput):
        write_mail(settings, "ada@customer.example", "", "x", "", goes_on=True)
    await say(settings, door, "first")
    await say(settings, door, "second", goes_on=True)
    await say(settings, door, "third")
    await mail.loop._round()
    counted = await rows(database, "SELECT count(*) AS n FROM messages GROUP BY conversation_id ORDER BY n")
    assert [row["n"] for row in counted] == [1, 2]


async def test_a_live_mailbox_is_not_written_to(settings: Settings) -> None:
    live = settings.model_copy(update={"gmail_credentials_path": "x", "gmail_mailbox": "support@example.com"})
    with pytest.raises(ConfigurationInvalid, match=r"support@example\.com"):
        write_mail(live, "ada@customer.example", "", "hello", "", goes_on=False)
    with pytest.raises(ConfigurationInvalid):
        push_of(settings.model_copy(update={"local_push_key": SecretStr("")}), 1)


async def test_the_mailbox_tells_how_it_stands(settings: Settings, database: Database, mail: MailChannel) -> None:

    await mail.loop._round()
    read = mail_state_reader(Mailboxes(database), address_of(settings.gmail_mailbox))
    state = await read(ChannelState(Channel.EMAIL, ChannelMode.OFFLINE))
    assert (state.mode, state.last_error, state.watch_expires_at) == (ChannelMode.OFFLINE, "", None)
