"""Files of a conversation: within limits, for those who may see it, and never run by a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from crm.database import Database
from deployments.web.services import IngressServices
from deployments.web.uploads import AT_ONCE
from tests.integration.http_spine import OPERATOR, SUBMISSION
from tests.unit.test_files import KINDS, PNG
from tests.waiting import until

MIB = 1024 * 1024


class Holder:
    """A customer with a ticket."""

    def __init__(self, client: httpx.AsyncClient, answer: dict[str, str]) -> None:
        self.client = client
        self.path = f"/support/ticket/{answer['ticket_id']}/attachments"
        self.bearer = {"Authorization": f"Bearer {answer['access_token']}"}

    async def attach(self, content: bytes, name: str = "screen.png") -> httpx.Response:
        headers = {**self.bearer, "X-File-Name": quote(name), "Content-Type": "application/octet-stream"}
        return await self.client.post(self.path, content=content, headers=headers)

    async def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.client.get(self.path, headers=self.bearer)).json()["attachments"]
        return found


async def hold(client: httpx.AsyncClient) -> Holder:
    return Holder(client, (await client.post("/support/submit", json=SUBMISSION)).json())


async def conversation_of(database: Database) -> object:
    async with database.connection() as connection:
        return await connection.fetchval("SELECT conversation_id FROM conversations")


@pytest.mark.parametrize("media_type", list(KINDS))
async def test_file_is_kept_listed_and_given_back(client: httpx.AsyncClient, media_type: str) -> None:
    holder = await hold(client)
    added = await holder.attach(KINDS[media_type], "Grüße/إسم")
    assert added.status_code == 201
    file = added.json()
    assert set(file) == {"attachment_id", "name", "media_type", "size_bytes", "created_at"}
    assert (file["media_type"], file["size_bytes"]) == (media_type, len(KINDS[media_type]))
    assert await holder.listed() == [file]
    back = await client.get(f"{holder.path}/{file['attachment_id']}", headers=holder.bearer)
    assert back.content == KINDS[media_type]


async def test_download_is_saved_and_never_run(client: httpx.AsyncClient) -> None:
    holder = await hold(client)
    file = (await holder.attach(b"<script>alert(1)</script>", 'a"b\n.html')).json()
    back = await client.get(f"{holder.path}/{file['attachment_id']}", headers=holder.bearer)
    assert back.headers["content-type"].startswith("text/plain")
    assert back.headers["content-disposition"] == "attachment; filename*=UTF-8''a%22b.html.txt"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in back.headers["content-security-policy"]
    assert back.headers["cache-control"] == "no-store"


async def test_same_file_again_is_the_same_attachment(client: httpx.AsyncClient) -> None:
    holder = await hold(client)
    answers = await asyncio.gather(*(holder.attach(PNG) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["attachment_id"] for answer in answers}) == 1
    assert len(await holder.listed()) == 1


async def test_number_of_files_is_limited_also_when_they_come_at_once(client: httpx.AsyncClient) -> None:
    holder = await hold(client)
    answers = await asyncio.gather(*(holder.attach(PNG + bytes([n])) for n in range(9)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [409] * 4
    assert len(await holder.listed()) == 5
    again = await hold(client)
    assert (await again.attach(PNG)).status_code == 201, "another conversation has room of its own"


async def test_so_many_files_at_once_are_taken_into_memory_and_no_more(
    client: httpx.AsyncClient, services: IngressServices
) -> None:
    holder, goes_on = await hold(client), asyncio.Event()
    arriving: list[int] = []

    async def slowly(number: int) -> AsyncIterator[bytes]:
        yield PNG
        arriving.append(number)
        await goes_on.wait()
        yield str(number).encode()

    async def send(number: int) -> httpx.Response:
        headers = {**holder.bearer, "X-File-Name": "screen.png"}
        return await client.post(holder.path, content=slowly(number), headers=headers)

    held = [asyncio.create_task(send(number)) for number in range(AT_ONCE)]
    await until(lambda: len(arriving) == AT_ONCE)
    refused = await holder.attach(PNG)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    goes_on.set()
    ends = [answer.status_code for answer in await asyncio.gather(*held)]
    assert sorted(set(ends)) == [201, 409], "each took its place in memory, and then the conversation was full"
    assert (await holder.attach(PNG)).status_code == 409, "places are free again"


async def test_a_file_that_does_not_come_gives_its_place_up(
    client: httpx.AsyncClient, services: IngressServices
) -> None:
    holder = await hold(client)
    services.uploads._within_s = 0.01

    async def never() -> AsyncIterator[bytes]:
        yield PNG
        await asyncio.Event().wait()

    late = await client.post(holder.path, content=never(), headers=holder.bearer)
    assert late.status_code == 408
    services.uploads._within_s = 60.0
    assert (await holder.attach(PNG)).status_code == 201


async def test_sizes_are_limited(client: httpx.AsyncClient, database: Database) -> None:
    holder = await hold(client)
    assert (await holder.attach(PNG + b"\0" * (5 * MIB))).status_code == 413
    for n in range(2):
        assert (await holder.attach(PNG + bytes([n]) * (5 * MIB - len(PNG)))).status_code == 201
    assert (await holder.attach(PNG)).status_code == 409, "10 MiB together"


@pytest.mark.parametrize("content", [b"", b"MZ\x90\x00", b"PK\x03\x04"])
async def test_other_kinds_are_refused_by_content(client: httpx.AsyncClient, content: bytes) -> None:
    holder = await hold(client)
    answer = await holder.attach(content, "harmless.png")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["field"] == "file"
    assert await holder.listed() == []


async def test_only_the_holder_and_operators_see_files(client: httpx.AsyncClient, database: Database) -> None:
    holder = await hold(client)
    file = (await holder.attach(PNG)).json()
    desk = f"/conversations/{await conversation_of(database)}/attachments"
    assert (await client.get(desk, headers=OPERATOR)).json() == {"attachments": [file]}
    assert (await client.get(f"{desk}/{file['attachment_id']}", headers=OPERATOR)).content == PNG
    other = await hold(client)
    for path in (holder.path, f"{holder.path}/{file['attachment_id']}"):
        assert (await client.get(path, headers=other.bearer)).status_code == 404
        assert (await client.get(path)).status_code == 404
    assert (await client.post(holder.path, content=PNG, headers=other.bearer)).status_code == 404
    assert (await client.get(f"{other.path}/{file['attachment_id']}", headers=other.bearer)).status_code == 404
    for path in (desk, f"{desk}/{file['attachment_id']}"):
        assert (await client.get(path)).status_code == 401
        assert (await client.get(path, headers=holder.bearer)).status_code == 401


async def test_what_does_not_exist_is_not_found(client: httpx.AsyncClient, database: Database) -> None:
    holder = await hold(client)
    unknown = "01234567-89ab-7def-8123-456789abcdef"
    assert (await client.get(f"{holder.path}/{unknown}", headers=holder.bearer)).status_code == 404
    assert (await client.get(f"{holder.path}/x", headers=holder.bearer)).status_code == 422
    assert (await client.get(f"/conversations/{unknown}/attachments", headers=OPERATOR)).status_code == 404
    desk = f"/conversations/{await conversation_of(database)}/attachments/{unknown}"
    assert (await client.get(desk, headers=OPERATOR)).status_code == 404


async def test_operators_see_the_files_with_the_conversation(client: httpx.AsyncClient, database: Database) -> None:
    holder = await hold(client)
    await holder.attach(PNG, "before.png")
    await holder.attach(PNG, "after.png")
    view = (await client.get(f"/conversations/{await conversation_of(database)}", headers=OPERATOR)).json()
    assert view["attachments"] == await holder.listed()
    assert [file["name"] for file in view["attachments"]] == ["before.png", "after.png"]
