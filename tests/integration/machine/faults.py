"""A Database whose connections can be cut or held at any statement, at will and repeatably.

`Cut` loses the connection right before a statement (it did not run) or right after it (it ran, the answer was
lost). `Hold` stops before a commit with all locks taken, until it is told to go on; a statement on its own is
given a transaction for that, so that others meet its locks as they would on a slow disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import asyncpg

from agent.times import Times
from crm.database import Connection, Database


class When(StrEnum):
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Cut:
    """Lose the connection at the `at`-th statement, counted from 0; BEGIN and COMMIT count."""

    at: int
    when: When


@dataclass(slots=True)
class Hold:
    """`reached` is set with the locks taken and nothing committed; the holder waits for `released`.

    The first `skip` commits pass.
    """

    skip: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def stop_here(self) -> None:
        self.skip -= 1
        if self.skip >= 0:
            return
        self.reached.set()
        await self.released.wait()


class FaultyDatabase(Database):
    """Give it a `cut` or a `hold` before an operation; `fired` says whether the cut happened."""

    def __init__(self, dsn: str, times: Times, application_name: str) -> None:
        super().__init__(dsn, times, application_name, pool_size=1)
        self.cut: Cut | None = None
        self.hold: Hold | None = None
        self.fired = False
        self.backend_pid: int | None = None
        """Of the connection last used: another connection can ask what it waits for."""
        self._count = 0

    def begin(self, cut: Cut | None = None, hold: Hold | None = None) -> None:
        """Start an operation: statements are counted from here."""
        self.cut, self.hold, self.fired, self._count = cut, hold, False, 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as connection:
            self.backend_pid = connection.get_server_pid()
            yield FaultyConnection(connection, self)  # type: ignore[misc]  # what of a connection crm uses

    @asynccontextmanager
    async def step(self, connection: Any) -> AsyncIterator[None]:
        """Around one statement: the cut, when this is the one."""
        number, self._count = self._count, self._count + 1
        cut = self.cut if self.cut is not None and self.cut.at == number else None
        if cut is not None and cut.when is When.BEFORE:
            self._lose(connection)
        yield
        if cut is not None:
            self._lose(connection)

    def _lose(self, connection: Any) -> None:
        self.fired = True
        connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    @asynccontextmanager
    async def held(self, connection: Any) -> AsyncIterator[None]:
        """Around one statement on its own: in a transaction that waits before its commit, when held."""
        if self.hold is None or connection.is_in_transaction():
            yield
            return
        async with connection.transaction():
            yield
            await self.hold.stop_here()


class FaultyConnection:
    """Passes statements on to a connection, each as one step."""

    def __init__(self, connection: Any, database: FaultyDatabase) -> None:
        self._connection = connection
        self._database = database

    async def _run(self, method: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        async with self._database.held(self._connection), self._database.step(self._connection):
            return await getattr(self._connection, method)(*arguments, **options)

    async def fetch(self, *arguments: Any, **options: Any) -> Any:
        return await self._run("fetch", arguments, options)

    async def fetchrow(self, *arguments: Any, **options: Any) -> Any:
        return await self._run("fetchrow", arguments, options)

    async def fetchval(self, *arguments: Any, **options: Any) -> Any:
        return await self._run("fetchval", arguments, options)

    async def fetchmany(self, *arguments: Any, **options: Any) -> Any:
        return await self._run("fetchmany", arguments, options)

    async def execute(self, *arguments: Any, **options: Any) -> Any:
        return await self._run("execute", arguments, options)

    @asynccontextmanager
    async def transaction(self, **options: Any) -> AsyncIterator[None]:
        """BEGIN and COMMIT are steps too; the hold is between the last statement and the COMMIT."""
        transaction = self._connection.transaction(**options)
        async with self._database.step(self._connection):
            await transaction.start()
        try:
            yield
            if self._database.hold is not None:
                await self._database.hold.stop_here()
        except BaseException:
            if not self._connection.is_closed():
                await transaction.rollback()
            raise
        async with self._database.step(self._connection):
            await transaction.commit()
