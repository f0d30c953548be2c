"""Numbered migrations: each file of sql/migrations runs once, in order, in its own transaction."""

from __future__ import annotations

import hashlib
import re

import asyncpg

from agent.errors import ConfigurationInvalid, DatabaseAway
from crm.queries import SQL_FOLDER

_FILE = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")
# Any constant: two migrators on one database must take turns.
_ADVISORY_LOCK = 0x465445
_OLDEST_POSTGRES = 18
"""The first with uuidv7()."""


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to date and return the names of the migrations that ran now.

    Raises ConfigurationInvalid when an applied file was changed or the server is too old, DatabaseAway when nothing
    answers.
    """
    try:
        connection = await asyncpg.connect(dsn, timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        raise DatabaseAway("the database does not answer; start it or check POSTGRES_HOST") from error
    try:
        version = connection.get_server_version().major
        if version < _OLDEST_POSTGRES:
            raise ConfigurationInvalid(f"the server is PostgreSQL {version}; {_OLDEST_POSTGRES} or newer is needed")
        await connection.execute("SELECT pg_advisory_lock($1)", _ADVISORY_LOCK)
        return await _apply(connection)
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection) -> list[str]:
    await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations ("
        "name text PRIMARY KEY, sha256 bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    applied = {row["name"]: row["sha256"] for row in await connection.fetch("SELECT name, sha256 FROM migrations")}
    ran = []
    for path in sorted((SQL_FOLDER / "migrations").iterdir()):
        if not _FILE.match(path.name):
            continue
        sql = path.read_text(encoding="utf-8")
        digest = hashlib.sha256(sql.encode()).digest()
        if path.name in applied:
            if applied[path.name] != digest:
                raise ConfigurationInvalid(f"migration {path.name} was changed after it ran; add a new one instead")
            continue
        async with connection.transaction():
            await connection.execute(sql)
            await connection.execute("INSERT INTO migrations (name, sha256) VALUES ($1, $2)", path.name, digest)
        ran.append(path.name)
    return ran
