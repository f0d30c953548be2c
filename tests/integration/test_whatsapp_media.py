"""Files that messages name: fetched from Twilio and its CDN only, and a message never suffers from one that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from agent.errors import DatabaseAway, MediaRefused, MediaUnavailable
from agent.records import Channel, ConversationId, MediaFetch
from agent.workers.media import MediaLoop
from channels.whatsapp.media import NoMedia, TwilioMedia
from crm.database import Database
from crm.media import MediaFetches
from tests.fakes.twilio_server import ACCOUNT, TOKEN, FakeMessage, FakeTwilio, fake_twilio
from tests.integration.http_spine import answer_due, http_client
from tests.integration.spine import reply_to
from tests.integration.test_turns import fetch_value
from tests.integration.test_whatsapp_webhooks import due_now
from tests.integration.whatsapp_spine import fields, post_signed, whatsapp_services

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
FILE = "ME" + "c" * 32
CDN = "https://mms.twiliocdn.com/file"


@pytest.fixture
async def twilio() -> AsyncIterator[FakeTwilio]:
    async with fake_twilio() as server:
        yield server


def with_file(twilio: FakeTwilio, content: bytes = PNG, kind: str = "image/png") -> FakeMessage:
    return twilio.add_inbound("+15550100123", "Look", media={FILE: (kind, content)})


def fetch_of(twilio: FakeTwilio, message: FakeMessage, **changes: object) -> MediaFetch:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{message.sid}/Media/{FILE}"
    usual = MediaFetch(
        uuid4(), Channel.WHATSAPP, ConversationId(uuid4()), message.sid, twilio.url + path, "image/png", 1
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


class Elsewhere(httpx.AsyncBaseTransport):
    """What the redirect leads to, and what came there; requests to the fake go there."""

    def __init__(self, twilio: FakeTwilio, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self._port = httpx.URL(twilio.url).port
        self._http = httpx.AsyncHTTPTransport()
        self._answer = answer
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.port == self._port:
            return await self._http.handle_async_request(request)
        self.requests.append(request)
        return self._answer(request)

    async def aclose(self) -> None:
        await self._http.aclose()


@asynccontextmanager
async def source(twilio: FakeTwilio, elsewhere: Elsewhere | None = None, *addresses: str) -> AsyncIterator[TwilioMedia]:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses or ["8.8.8.8"])

    media = TwilioMedia(twilio.account, max_bytes=1_000, resolve=resolve, transport=elsewhere)
    try:
        yield media
    finally:
        await media.close()


async def test_a_file_is_fetched_with_our_credentials(twilio: FakeTwilio) -> None:
    async with source(twilio) as media:
        file = await media.fetch(fetch_of(twilio, with_file(twilio)))
    assert (file.media_type, file.content) == ("image/png", PNG)
    assert file.name.endswith(".png")


async def test_credentials_do_not_go_along_with_a_redirect(twilio: FakeTwilio) -> None:
    twilio.media_redirect = CDN
    elsewhere = Elsewhere(twilio, lambda _: httpx.Response(200, content=PNG))
    async with source(twilio, elsewhere) as media:
        assert (await media.fetch(fetch_of(twilio, with_file(twilio)))).content == PNG
    (request,) = elsewhere.requests
    assert "authorization" not in request.headers
    assert TOKEN not in str(request.headers)
    assert request.headers["host"] == "mms.twiliocdn.com"
    assert request.extensions["sni_hostname"] == "mms.twiliocdn.com"
    assert request.url.host == "8.8.8.8", "the address that was looked at, whatever the name resolves to a moment later"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "0.0.0.0", "100.64.0.1"]
)
async def test_a_host_inside_of_a_private_network_is_not_asked(twilio: FakeTwilio, address: str) -> None:
    twilio.media_redirect = CDN
    elsewhere = Elsewhere(twilio, lambda _: httpx.Response(200, content=PNG))
    async with source(twilio, elsewhere, "8.8.8.8", address) as media:
        with pytest.raises(MediaRefused):
            await media.fetch(fetch_of(twilio, with_file(twilio)))
    assert elsewhere.requests == []


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/x",
        "http://mms.twiliocdn.com/x",
        "https://twilio.com.evil.example/x",
        "https://eviltwiliocdn.com/x",
        "https://user@mms.twiliocdn.com/x",
        "https://mms.twiliocdn.com:8443/x",
        "file:///etc/passwd",
        "http://127.0.0.1:1/x",
    ],
)
async def test_a_redirect_to_anybody_else_is_not_followed(twilio: FakeTwilio, target: str) -> None:
    twilio.media_redirect = target
    elsewhere = Elsewhere(twilio, lambda _: httpx.Response(200, content=PNG))
    async with source(twilio, elsewhere) as media:
        with pytest.raises(MediaRefused):
            await media.fetch(fetch_of(twilio, with_file(twilio)))
    assert elsewhere.requests == []


async def test_redirects_without_end_are_given_up(twilio: FakeTwilio) -> None:
    twilio.media_redirect = CDN
    elsewhere = Elsewhere(twilio, lambda _: httpx.Response(302, headers={"location": CDN}))
    async with source(twilio, elsewhere) as media:
        with pytest.raises(MediaRefused, match="again and again"):
            await media.fetch(fetch_of(twilio, with_file(twilio)))


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/2010-04-01/Accounts/{account}/Messages/{message}/Media/{file}",
        "{api}/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages/{message}/Media/{file}",
        "{api}/2010-04-01/Accounts/{account}/Messages/SM00000000000000000000000000000000/Media/{file}",
        "{api}/2010-04-01/Accounts/{account}/Messages/{message}/Media/../../../Keys.json",
        "{api}/2010-04-01/Accounts/{account}/Messages/{message}/Media/{file}?x=1",
        "not an address",
    ],
)
async def test_no_credentials_leave_for_an_address_that_is_no_file_of_the_message(twilio: FakeTwilio, url: str) -> None:
    message = with_file(twilio)
    address = url.format(api=twilio.url, account=ACCOUNT, message=message.sid, file=FILE)
    async with source(twilio) as media:
        with pytest.raises(MediaRefused):
            await media.fetch(fetch_of(twilio, message, url=address))
    assert twilio.requests == []


async def test_what_is_too_large_is_not_read_to_its_end(twilio: FakeTwilio) -> None:
    twilio.media_redirect = CDN
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"x" * 100

    elsewhere = Elsewhere(twilio, lambda _: httpx.Response(200, content=endless()))
    async with source(twilio, elsewhere) as media:
        with pytest.raises(MediaRefused, match="over 1000 bytes"):
            await media.fetch(fetch_of(twilio, with_file(twilio)))
    assert read <= 12
    twilio.media_redirect = ""
    async with source(twilio) as media:
        with pytest.raises(MediaRefused, match="over 1000 bytes"):
            await media.fetch(fetch_of(twilio, with_file(twilio, PNG * 20)))


@pytest.mark.parametrize(
    ("content", "kind", "ending"),
    [
        (b"OggS" + b"\0" * 50, "audio/ogg", ".ogg"),
        (b"\0\0\0\x20ftypisom" + b"\0" * 50, "video/mp4", ".mp4"),
        (b"BEGIN:VCARD\nFN:Ada\nEND:VCARD", "text/vcard", ".txt"),
    ],
)
async def test_recordings_and_contacts_are_kept_too(twilio: FakeTwilio, content: bytes, kind: str, ending: str) -> None:
    async with source(twilio) as media:
        file = await media.fetch(fetch_of(twilio, with_file(twilio, content, kind)))
    assert file.name.endswith(ending)


async def test_a_kind_that_is_not_taken_is_found_in_the_content(twilio: FakeTwilio) -> None:
    async with source(twilio) as media:
        with pytest.raises(MediaRefused):
            await media.fetch(fetch_of(twilio, with_file(twilio, b"MZ\x90\x00program", "image/png")))


async def test_a_file_that_is_not_there_yet_is_tried_again(twilio: FakeTwilio) -> None:
    twilio.media_missing = 1
    message = with_file(twilio)
    async with source(twilio) as media:
        with pytest.raises(MediaUnavailable):
            await media.fetch(fetch_of(twilio, message))
        assert (await media.fetch(fetch_of(twilio, message))).content == PNG


class Rounds(MediaLoop):
    """A loop that a test drives, with every pause over."""

    async def run_all(self, database: Database, rounds: int = 20) -> None:
        for _ in range(rounds):
            async with database.connection() as connection:
                await connection.execute("UPDATE media_fetches SET due_at = now()")
            if await self._round() > 0:
                return


async def accept_with_file(database: Database, twilio: FakeTwilio, message: FakeMessage) -> None:
    url = fetch_of(twilio, message).url
    form = fields("Look", message.sid, NumMedia="1", MediaUrl0=url, MediaContentType0="image/png")
    async with http_client(whatsapp_services(database)) as client:
        assert (await post_signed(client, form)).status_code == 200


async def test_a_file_becomes_an_attachment_of_its_conversation(database: Database, twilio: FakeTwilio) -> None:
    twilio.media_missing = 2
    await accept_with_file(database, twilio, with_file(twilio))
    async with source(twilio) as media:
        await Rounds(MediaFetches(database), {Channel.WHATSAPP: media}, database.times).run_all(database)
    assert await fetch_value(database, "SELECT state FROM media_fetches") == "stored"
    assert await fetch_value(database, "SELECT content FROM attachments") == PNG
    assert await fetch_value(database, "SELECT attempts FROM media_fetches") == 3


async def test_the_text_is_answered_however_its_picture_fails(database: Database, twilio: FakeTwilio) -> None:
    twilio.media_missing = 1_000
    await accept_with_file(database, twilio, with_file(twilio))
    async with source(twilio) as media:
        await Rounds(MediaFetches(database), {Channel.WHATSAPP: media}, database.times).run_all(database)
    assert await fetch_value(database, "SELECT state FROM media_fetches") == "failed"
    await due_now(database)
    assert await answer_due(database, reply_to) == 1


async def test_a_source_that_breaks_does_not_end_the_loop(database: Database, twilio: FakeTwilio) -> None:
    class Broken:
        async def fetch(self, media: MediaFetch) -> None:
            raise KeyError("a bug")

    await accept_with_file(database, twilio, with_file(twilio))
    loop = Rounds(MediaFetches(database), {Channel.WHATSAPP: Broken()}, database.times)  # type: ignore[dict-item]
    await loop.run_all(database)
    assert await fetch_value(database, "SELECT error FROM media_fetches") == "KeyError"


async def test_a_loop_that_died_leaves_the_file_to_another(database: Database, twilio: FakeTwilio) -> None:
    await accept_with_file(database, twilio, with_file(twilio))
    store = MediaFetches(database)
    assert len(await store.claim([Channel.WHATSAPP], 5)) == 1
    assert await store.claim([Channel.WHATSAPP], 5) == []
    async with source(twilio) as media:
        await Rounds(store, {Channel.WHATSAPP: media}, database.times).run_all(database)
    assert await fetch_value(database, "SELECT state FROM media_fetches") == "stored"


async def test_without_an_account_a_file_is_given_up_and_said_so(database: Database, twilio: FakeTwilio) -> None:
    await accept_with_file(database, twilio, with_file(twilio))
    await Rounds(MediaFetches(database), {Channel.WHATSAPP: NoMedia()}, database.times).run_all(database)
    assert "no Twilio account" in await fetch_value(database, "SELECT error FROM media_fetches")


async def test_an_outage_of_the_database_is_nobodys_fault(database: Database, twilio: FakeTwilio) -> None:
    class Away:
        async def fetch(self, media: MediaFetch) -> None:
            raise DatabaseAway("away")

    await accept_with_file(database, twilio, with_file(twilio))
    loop = Rounds(MediaFetches(database), {Channel.WHATSAPP: Away()}, database.times)  # type: ignore[dict-item]
    with pytest.raises(DatabaseAway):
        await loop.run_all(database)
    assert await fetch_value(database, "SELECT state FROM media_fetches") == "pending"
