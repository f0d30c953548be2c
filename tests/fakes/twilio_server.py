"""Twilio in miniature, on loopback: takes and lists messages, gives out media, and misbehaves on request.

Every request is held against Twilio's own description where that is there; `problems` must stay empty.
"""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import SecretStr

from channels.whatsapp.api import TwilioAccount
from tests.fakes.twilio_contract import Contract

ACCOUNT = "AC" + "a1" * 16
TOKEN = "token-of-the-fake"
NUMBER = "+15550100999"


class Fault(StrEnum):
    """What one request for a send meets."""

    CUT_AFTER_ACCEPT = "the message is taken and the connection is cut"
    CUT_BEFORE_ACCEPT = "the connection is cut and nothing is taken"
    HANG_AFTER_ACCEPT = "the message is taken and nothing is ever answered"
    ERROR_AFTER_ACCEPT = "the message is taken and the answer is 500"
    ERROR = "nothing is taken and the answer is 500"
    BUSY = "429 with Retry-After"
    PAGE_AFTER_ACCEPT = "the message is taken and the answer is a page for people"
    NAMELESS_AFTER_ACCEPT = "the message is taken and the answer names none"


@dataclass(slots=True)
class FakeMessage:
    sid: str
    direction: str
    sent_from: str
    to: str
    body: str
    form: Mapping[str, str] = field(default_factory=dict)
    status: str = "queued"
    error_code: int | None = None
    media: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


_PAGE = Answer(200, b"<!doctype html><title>Maintenance</title>", {"Content-Type": "text/html"})
"""Of a proxy between us, or of Twilio on a bad day."""


class Cut(Exception):
    """The connection ends without an answer."""


class FakeTwilio:
    """`faults` are met by the next sends, one each; a number among them is the code that Twilio refuses with.

    `refused` paths, by how they end, are answered with that status to whoever reads there.
    `list_lag` lists show nothing newer than before, `list_pages` lists are pages for people.
    `media_missing` requests for a file are answered with 404.
    """

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[FakeMessage] = []
        self.faults: deque[Fault | int] = deque()
        self.list_lag = 0
        self.list_pages = 0
        self.media_missing = 0
        self.media_redirect = ""
        self.requests: list[tuple[str, str, Mapping[str, str]]] = []
        self.problems: list[str] = []
        self.account_status = "active"
        self.refused: dict[str, int] = {}
        self.senders = {f"whatsapp:{NUMBER}": "ONLINE"}
        self.template_approval = "approved"
        self._contract = Contract.read()
        self._hanging: set[asyncio.Event] = set()

    @property
    def account(self) -> TwilioAccount:
        return TwilioAccount(ACCOUNT, SecretStr(TOKEN), NUMBER, self.url)

    @property
    def sent(self) -> list[FakeMessage]:
        """What it took from us, in order."""
        return [message for message in self.messages if message.direction == "outbound-api"]

    def add_inbound(self, sender: str, body: str, *, ago_s: float = 120.0, **changes: Any) -> FakeMessage:
        """A message of a customer whose webhook did not come."""
        message = FakeMessage(
            sid=new_sid("SM"),
            direction="inbound",
            sent_from=f"whatsapp:{sender}",
            to=f"whatsapp:{NUMBER}",
            body=body,
            status="received",
            created_at=datetime.now(UTC) - timedelta(seconds=ago_s),
            **changes,
        )
        self.messages.append(message)
        return message

    async def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        query, form = parse_qs(parts.query, keep_blank_values=True), parse_qs(body.decode(), keep_blank_values=True)
        self.requests.append((method, target, headers))
        if self._contract is not None:
            self.problems += self._contract.problems(method, parts.path, query, form)
        given = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != f"Basic {given}":
            return _refusal(401, 20003)
        for path, status in self.refused.items():
            if method == "GET" and parts.path.endswith(path):
                return _refusal(status, 20404)
        account = f"/2010-04-01/Accounts/{ACCOUNT}"
        match method, parts.path.removeprefix(account):
            case "POST", "/Messages.json":
                return await self._take({name: values[0] for name, values in form.items()})
            case "GET", "/Messages.json":
                return self._list(query)
            case "GET", ".json":
                return _json({"sid": ACCOUNT, "status": self.account_status, "friendly_name": "fake"})
            case "GET", "/v2/Channels/Senders":
                rows = [{"sid": new_sid("XE"), "sender_id": each, "status": s} for each, s in self.senders.items()]
                return _json({"senders": rows, "meta": {"key": "senders"}})
            case "GET", path if path.endswith("/ApprovalRequests"):
                return _json({"sid": path.split("/")[3], "whatsapp": {"status": self.template_approval}})
            case "GET", path if "/Media" in path:
                return self._give_media(path)
        return _refusal(404, 20404)

    async def _take(self, form: Mapping[str, str]) -> Answer:
        fault = self.faults.popleft() if self.faults else None
        match fault:
            case int():
                return _refusal(400, fault)
            case Fault.CUT_BEFORE_ACCEPT:
                raise Cut
            case Fault.ERROR:
                return Answer(500, b"oops")
            case Fault.BUSY:
                return Answer(429, b'{"code": 20429, "message": "Too many"}', {"Retry-After": "3"})
        content = json.loads(form.get("ContentVariables", "{}"))
        said = f"Your request {content.get('1')} has an answer: {content.get('2')}" if content else form["Body"]
        message = FakeMessage(new_sid("SM"), "outbound-api", form["From"], form["To"], said, form)
        self.messages.append(message)
        match fault:
            case Fault.CUT_AFTER_ACCEPT:
                raise Cut
            case Fault.ERROR_AFTER_ACCEPT:
                return Answer(500, b"oops")
            case Fault.HANG_AFTER_ACCEPT:
                await self._hang()
            case Fault.PAGE_AFTER_ACCEPT:
                return _PAGE
            case Fault.NAMELESS_AFTER_ACCEPT:
                return _json({}, 201)
        return _json(_as_listed(message), 201)

    def _list(self, query: Mapping[str, Sequence[str]]) -> Answer:
        found = [
            message
            for message in sorted(self.messages, key=lambda each: each.created_at, reverse=True)
            if message.to == query.get("To", [message.to])[0]
            and message.sent_from == query.get("From", [message.sent_from])[0]
            and message.created_at.date().isoformat() >= query.get("DateSent>", [""])[0][:10]
        ]
        if self.list_pages:
            self.list_pages -= 1
            return _PAGE
        if self.list_lag:
            self.list_lag -= 1
            found = []
        size, page = int(query.get("PageSize", ["50"])[0]), int(query.get("Page", ["0"])[0])
        rows = found[page * size : (page + 1) * size]
        more = len(found) > (page + 1) * size
        onwards = urlencode({**query, "PageSize": [size], "Page": [page + 1]}, doseq=True)
        following = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json?{onwards}" if more else None
        return _json({"messages": [_as_listed(each) for each in rows], "page": page, "next_page_uri": following})

    def _give_media(self, path: str) -> Answer:
        _, _, sid, _, *file = path.split("/")
        message = next(each for each in self.messages if each.sid == sid.removesuffix(".json"))
        if not file:
            rows = [{"sid": each, "content_type": kind} for each, (kind, _) in message.media.items()]
            return _json({"media_list": rows, "page": 0})
        if self.media_missing:
            self.media_missing -= 1
            return _refusal(404, 20404)
        if self.media_redirect:
            return Answer(307, headers={"Location": self.media_redirect})
        kind, content = message.media[file[0]]
        return Answer(200, content, {"Content-Type": kind})

    async def _hang(self) -> None:
        event = asyncio.Event()
        self._hanging.add(event)
        await event.wait()
        raise Cut

    def let_go(self) -> None:
        """End the connections that hang."""
        for event in self._hanging:
            event.set()


@asynccontextmanager
async def fake_twilio() -> AsyncIterator[FakeTwilio]:
    """Serves until the block ends, and then looks whether every request was one that Twilio allows."""
    twilio = FakeTwilio()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ", 2)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            answer = await twilio.answer(method, target, headers, body)
        except (Cut, asyncio.IncompleteReadError, ConnectionError):
            writer.transport.abort()
            return
        lines = {"Content-Length": str(len(answer.body)), "Connection": "close", **answer.headers}
        written = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {answer.status} -\r\n{written}\r\n".encode() + answer.body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    twilio.url = f"http://{host}:{port}"
    try:
        yield twilio
    finally:
        twilio.let_go()
        server.close()
        await server.wait_closed()
    assert twilio.problems == []


def new_sid(kind: str) -> str:
    return kind + uuid.uuid4().hex


def _as_listed(message: FakeMessage) -> dict[str, Any]:
    created = format_datetime(message.created_at.replace(microsecond=0))
    return {
        "sid": message.sid,
        "account_sid": ACCOUNT,
        "direction": message.direction,
        "from": message.sent_from,
        "to": message.to,
        "body": message.body,
        "status": message.status,
        "error_code": message.error_code,
        "num_media": str(len(message.media)),
        "date_created": created,
        "date_sent": None if message.status == "queued" else created,
    }


def _json(body: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _refusal(status: int, code: int) -> Answer:
    return _json({"code": code, "message": "refused by the fake", "status": status}, status)
