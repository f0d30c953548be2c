"""Databases for tests, one after another: each is given out as the template is, whatever was done to it before.

To clone the template takes longer than most tests do, so a database is used again. What was written is removed, further
tables too, and then the whole of it is compared with the template: rows, sequences and catalogs. One whose schema was
changed otherwise, or in which much was written, is dropped instead. Between two uses it gets another name, so that
whoever is left over from the test before finds no database, and not the next test's.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from crm.embedded import EmbeddedServer

TEMPLATE = "template_fte"
_MOST_USES = 100
"""What is removed leaves its room behind; after so many uses that is still too little to notice."""
_MOST_ROWS = 2_000
"""To remove more takes longer than to clone anew."""
_TRIES = 5_000
"""To find nobody connected who was cut."""

_RELATIONS = """
SELECT c.relkind::text AS kind, format('%I.%I', n.nspname, c.relname) AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'S') AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
ORDER BY name
"""
# Statistics say how much there was, and decide nothing but plans.
_CATALOGS = """
SELECT relname AS name FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace AND NOT relisshared
AND relname NOT IN ('pg_statistic', 'pg_statistic_ext_data')
ORDER BY name
"""
_CUT_VISITORS = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = $1"
_SETTINGS = """
SELECT count(*)::text
FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase WHERE d.datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class _Relation:
    """A table or sequence as it is in the template; `rows` are a table's, as JSON."""

    kind: str
    name: str
    rows: str = "[]"

    @property
    def look(self) -> str:
        """An expression that is another text for other contents. A table that should be empty tells its rows."""
        if self.kind == "S":
            return f"(SELECT last_value || ' ' || is_called FROM {self.name})"
        if self.rows == "[]":
            return f"(SELECT count(*)::text FROM {self.name})"
        return f"(SELECT md5(string_agg(row::text, E'\\n' ORDER BY row::text)) FROM {self.name} AS row)"

    async def restore(self, connection: asyncpg.Connection, contents: str) -> None:
        """`contents`: what `look` said in the template."""
        if self.kind == "S":
            value, called = contents.split()
            await connection.execute(f"SELECT setval('{self.name}', {value}, {called})")
            return
        await connection.execute(f"DELETE FROM {self.name}")
        if self.rows != "[]":
            insert = "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(null::{0}, $1)"
            await connection.execute(insert.format(self.name), self.rows)


class _Pristine:
    """What the template holds, and a way to make a database hold the same."""

    def __init__(self, catalogs: Sequence[str], relations: Sequence[_Relation]) -> None:
        self._relations = relations
        # Who changes a row of a catalog writes a newer one, and who only removes one leaves fewer.
        newest = (f"(SELECT count(*) || ' ' || max(xmin::text::bigint) FROM pg_catalog.{name})" for name in catalogs)
        self._look_at_schema = f"SELECT ARRAY[({_SETTINGS}), {', '.join(newest)}]"
        self._look_at_contents = f"SELECT ARRAY[{', '.join(relation.look for relation in relations)}]"
        self._schema: list[str] = []
        self._contents: list[str] = []

    @classmethod
    async def of(cls, connection: asyncpg.Connection) -> _Pristine:
        """`connection` is to a clone that nobody has used."""
        relations = []
        for kind, name in await connection.fetch(_RELATIONS):
            assert kind in ("r", "S"), f"{name} cannot be compared: teach it to this module"
            rows = "[]"
            if kind == "r":
                rows = await connection.fetchval(f"SELECT coalesce(jsonb_agg(to_jsonb(row)), '[]') FROM {name} AS row")
            relations.append(_Relation(kind, name, rows))
        found = cls([row["name"] for row in await connection.fetch(_CATALOGS)], relations)
        found._schema = await connection.fetchval(found._look_at_schema)
        found._contents = await connection.fetchval(found._look_at_contents)
        return found

    async def restore(self, connection: asyncpg.Connection) -> bool:
        """Whether the database is now as the template is. No one else may be connected to it."""
        known = {relation.name for relation in self._relations}
        for kind, name in await connection.fetch(_RELATIONS):
            if kind == "r" and name not in known:  # of an embedding model
                with suppress(asyncpg.DependentObjectsStillExistError):
                    await connection.execute(f"DROP TABLE {name}")
        if await connection.fetchval(self._look_at_schema) != self._schema:
            return False
        contents = await connection.fetchval(self._look_at_contents)
        changed = [
            (relation, then)
            for relation, then, now in zip(self._relations, self._contents, contents, strict=True)
            if now != then
        ]
        if sum(int(now) for now, then in zip(contents, self._contents, strict=True) if then == "0") > _MOST_ROWS:
            return False
        async with connection.transaction():
            # Foreign keys need no order here, and no trigger has a say.
            await connection.execute("SET LOCAL session_replication_role = replica")
            for relation, then in changed:
                await relation.restore(connection, then)
        return bool(await connection.fetchval(self._look_at_contents) == self._contents)


@dataclass(slots=True)
class _Clone:
    name: str
    uses: int = 0


class Databases:
    """Of one server. Used on one event loop."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server
        self._admin: asyncpg.Connection | None = None
        self._pristine: _Pristine | None = None
        self._idle: list[_Clone] = []

    async def close(self) -> None:
        """What is left goes with the server."""
        if self._admin is not None:
            await self._admin.close()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[str]:
        """The DSN of a migrated, empty database that nobody else uses."""
        clone = self._idle.pop() if self._idle else await self._make()
        yield self._server.dsn(clone.name)
        await self._take_back(clone)

    @asynccontextmanager
    async def lend_copy(self, url: str) -> AsyncIterator[str]:
        """The DSN of a copy of a database that was lent and that nobody is connected to."""
        name = _new_name()
        await self._create(name, urlsplit(url).path.removeprefix("/"))
        yield self._server.dsn(name)
        await self._drop(name)

    async def _make(self) -> _Clone:
        clone = _Clone(_new_name())
        await self._create(clone.name, TEMPLATE)
        if self._pristine is None:
            connection = await asyncpg.connect(self._server.dsn(clone.name))
            self._pristine = await _Pristine.of(connection)
            await connection.close()
        return clone

    async def _take_back(self, clone: _Clone) -> None:
        assert self._pristine is not None
        clone.uses += 1
        if clone.uses < _MOST_USES and await self._rename(clone):
            connection = await asyncpg.connect(self._server.dsn(clone.name))
            pristine = await self._pristine.restore(connection)
            await connection.close()
            if pristine:
                self._idle.append(clone)
                return
        await self._drop(clone.name)

    async def _rename(self, clone: _Clone) -> bool:
        """Cut whoever is connected; False when somebody comes again and again."""
        admin, name = await self._connect(), _new_name()
        for _ in range(_TRIES):
            if await admin.fetchval(_CUT_VISITORS, clone.name):
                await asyncio.sleep(0.001)
                continue
            with suppress(asyncpg.ObjectInUseError):
                await admin.execute(f'ALTER DATABASE "{clone.name}" RENAME TO "{name}"')
                clone.name = name
                return True
        return False

    async def _create(self, name: str, template: str) -> None:
        admin = await self._connect()
        await admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')

    async def _drop(self, name: str) -> None:
        admin = await self._connect()
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    async def _connect(self) -> asyncpg.Connection:
        """To no database that is lent."""
        if self._admin is None or self._admin.is_closed():
            self._admin = await asyncpg.connect(self._server.dsn("postgres"))
        return self._admin


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"
