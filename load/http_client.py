"""A frugal HTTP/1.1 client for loopback: the generator shares its cores with what it measures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httptools

_ANSWER_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes


class _Connection(asyncio.Protocol):
    """One request at a time; the parser calls the methods without underscore."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._keep_alive = True
        self._answer: asyncio.Future[Response] | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def usable(self) -> bool:
        return self._keep_alive and self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes) -> Response:
        assert self._transport is not None, "connected before it is used"
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(str(error)))
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._keep_alive = False
        self._fail(ConnectionError("the connection was closed before the answer"))

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        response = Response(self._parser.get_status_code(), bytes(self._body))
        self._keep_alive = self._parser.should_keep_alive()
        self._body.clear()
        self._parser = httptools.HttpResponseParser(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)

    def _fail(self, error: ConnectionError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class HttpClient:
    """Keeps at most `max_connections` to one server alive; more requests than that wait."""

    def __init__(self, host: str, port: int, max_connections: int = 64) -> None:
        self._host = host
        self._port = port
        self._free: list[_Connection] = []
        self._slots = asyncio.Semaphore(max_connections)

    async def request(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Response:
        """Raises ConnectionError or TimeoutError; a request is never sent twice."""
        request = self._encode(method, path, body, headers or {})
        async with self._slots:
            connection = await self._connect()
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    response = await connection.exchange(request)
            except BaseException:
                connection.close()
                raise
            if connection.usable:
                self._free.append(connection)
            return response

    async def close(self) -> None:
        while self._free:
            self._free.pop().close()

    async def _connect(self) -> _Connection:
        while self._free:
            connection = self._free.pop()
            if connection.usable:
                return connection
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, self._host, self._port)
        return made

    def _encode(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        fields = {"Host": f"{self._host}:{self._port}", "Content-Length": str(len(body))}
        if body:
            fields["Content-Type"] = "application/json"
        fields |= headers
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
