"""Who gets through the door of the MCP server, with the clock in hand."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from deployments.web.key_guesses import WINDOW_S, KeyGuesses
from serve_app.mcp.door import KeyDoor, known_callers

KEY = "the operator key of the tests"
RIGHT = {"Authorization": f"Bearer {KEY}"}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("inside")(scope, receive, send)


def client(key: str = KEY, clock: Clock | None = None, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    callers = known_callers(["tools.example.com"], ["https://assistant.example.com"])
    door = KeyDoor(inside, SecretStr(key), callers, KeyGuesses(clock=clock or Clock()))
    transport = httpx.ASGITransport(app=door, client=(peer, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8010")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (RIGHT, 200),
        ({"Authorization": f"bearer  {KEY}"}, 200),
        (RIGHT | {"Host": "localhost:8010", "Origin": "http://localhost:3000"}, 200),
        (RIGHT | {"Host": "[::1]:8010"}, 200),
        (RIGHT | {"Host": "tools.example.com", "Origin": "https://assistant.example.com"}, 200),
        (RIGHT | {"X-Operator": "Ada Lovelace"}, 200),
        (RIGHT | {"X-Operator": "a\tb"}, 422),
        ({}, 401),
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": KEY}, 401),
        ({"Authorization": f"Basic {KEY}"}, 401),
        ({"Authorization": f"Bearer {KEY}x"}, 401),
        (RIGHT | {"Host": "127.0.0.1.evil.example"}, 421),
        (RIGHT | {"Host": "evil.example:8010"}, 421),
        (RIGHT | {"Origin": "null"}, 403),
        (RIGHT | {"Origin": "http://127.0.0.1.evil.example"}, 403),
        (RIGHT | {"Origin": "https://assistant.example.com.evil.example"}, 403),
    ],
)
async def test_callers_are_let_in_or_told_why_not(headers: dict[str, str], status: int) -> None:
    async with client() as caller:
        answer = await caller.get("/mcp", headers=headers)
    assert answer.status_code == status
    assert (answer.text == "inside") == (status == 200)
    assert KEY not in answer.text
    assert ("www-authenticate" in answer.headers) == (status == 401)


async def test_an_empty_key_is_nobodys() -> None:
    async with client(key="") as caller:
        assert (await caller.get("/mcp", headers={"Authorization": "Bearer "})).status_code == 401
        assert (await caller.get("/mcp", headers={"Authorization": "Bearer"})).status_code == 401


async def test_after_ten_wrong_keys_nobody_gets_in_for_a_minute() -> None:
    clock = Clock()
    async with client(clock=clock) as caller:
        for _ in range(12):
            await caller.get("/mcp", headers={"Authorization": "Bearer wrong", "Host": "evil.example"})
            await caller.get("/mcp")
        assert (await caller.get("/mcp", headers=RIGHT)).status_code == 200, "neither is a guess"
        for _ in range(10):
            assert (await caller.get("/mcp", headers={"Authorization": "Bearer wrong"})).status_code == 401
        refused = await caller.get("/mcp", headers=RIGHT)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, str(WINDOW_S))
        clock.now = WINDOW_S + 1.0
        assert (await caller.get("/mcp", headers=RIGHT)).status_code == 200
