"""The one door to Postgres: a lazily made pool, and driver errors turned into ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from pgvector.asyncpg import register_vector

from agent.errors import DatabaseAway
from agent.times import Times

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

# What says that the server is away or going away, not that the statement is wrong.
_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    # How the driver names a connection that the server cuts while it is being used or given out.
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    # The victim of a deadlock: nothing of it was written, and it can be tried again.
    asyncpg.TransactionRollbackError,
)


def _encode_json(value: object) -> str:
    return json.dumps(value, default=str)


async def _prepare(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=_encode_json, decoder=json.loads, schema="pg_catalog")
    if await connection.fetchval("SELECT to_regtype('vector') IS NOT NULL"):
        await register_vector(connection)


async def _keep_session(_: Any) -> None:
    """In place of the driver's reset, a round trip at each release: no step changes its session but by SET LOCAL.

    The driver still rolls back an open transaction and drops listeners.
    """


class Database:
    """A pool of at most `times.pool_size` connections, made on first use on the loop that uses it.

    An outage neither fails a constructor nor poisons the pool: each use raises DatabaseAway until the server
    is back.
    """

    def __init__(self, dsn: str, times: Times, application_name: str = "fte", pool_size: int | None = None) -> None:
        self._dsn = dsn
        self._times = times
        self._application_name = application_name
        self._pool_size = pool_size or times.pool_size
        self._pool: asyncpg.Pool | None = None
        self._making = asyncio.Lock()
        # That hold a connection or wait for one.
        self._steps = 0
        # The driver holds its connections weakly; a listener must outlive the call that made it.
        self._listening: set[asyncpg.Connection] = set()

    @property
    def times(self) -> Times:
        return self._times

    async def _get_pool(self) -> asyncpg.Pool:
        if self._pool is not None:
            return self._pool
        async with self._making:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._pool_size,
                    max_inactive_connection_lifetime=300,
                    timeout=self._times.acquire_connection_s,
                    command_timeout=self._times.statement_timeout_s,
                    init=_prepare,
                    reset=_keep_session,
                    server_settings=self._server_settings(),
                )
            return self._pool

    def _server_settings(self) -> dict[str, str]:
        return {
            "application_name": self._application_name,
            "statement_timeout": f"{self._times.statement_timeout_s:g}s",
            "idle_in_transaction_session_timeout": f"{self._times.lease_s:g}s",
            # The planner's choice for one short statement is worth more than compiling it.
            "jit": "off",
            # How many nearest vectors an index scan keeps. Over 100,000 chunks 100 find 0.95 of the ten nearest, 400
            # find 0.99.
            "hnsw.ef_search": "400",
        }

    @property
    def in_use(self) -> int:
        """Connections that steps hold now."""
        return 0 if self._pool is None else self._pool.get_size() - self._pool.get_idle_size()

    @property
    def waiting(self) -> int:
        """Steps that wait for a connection now."""
        return max(0, self._steps - self.in_use)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection outside a transaction. Raises DatabaseAway."""
        self._steps += 1
        try:
            pool = await self._get_pool()
            async with pool.acquire(timeout=self._times.acquire_connection_s) as connection:
                yield connection
        except _AWAY as error:
            raise DatabaseAway("the database does not answer") from error
        finally:
            self._steps -= 1

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One connection in a transaction that commits at the end of the block. Raises DatabaseAway."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        while self._listening:
            self._listening.pop().terminate()
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), 2)
            except (TimeoutError, *_AWAY):
                pool.terminate()

    async def listen(
        self,
        channel: str,
        on_notify: Callable[[], None],
        on_lost: Callable[[], None] | None = None,
        further: Collection[str] = (),
    ) -> Callable[[], Awaitable[None]]:
        """Call `on_notify` for every NOTIFY on `channel` and the `further` ones; when the connection is lost,
        `on_lost` and it once.

        Uses a connection of its own. Returns a function that stops listening. Raises DatabaseAway.
        """
        try:
            connection = await asyncpg.connect(
                self._dsn,
                timeout=self._times.acquire_connection_s,
                server_settings={"application_name": f"{self._application_name}-listen"},
            )
            for each in (channel, *further):
                await connection.add_listener(each, lambda *_: on_notify())
        except _AWAY as error:
            raise DatabaseAway("the database does not answer") from error

        self._listening.add(connection)

        def on_termination(_: object) -> None:
            self._listening.discard(connection)
            if on_lost is not None:
                on_lost()
            on_notify()

        connection.add_termination_listener(on_termination)

        async def stop() -> None:
            connection.remove_termination_listener(on_termination)
            self._listening.discard(connection)
            connection.terminate()

        return stop
