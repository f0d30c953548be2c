"""Every query of crm/sql is prepared against the real schema."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from crm.queries import load_queries, query_files

BLOCKS = [(table, name) for table in query_files() for name in load_queries(table)]


@pytest.fixture(scope="module")
async def connection(module_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """One for all: to prepare a query leaves nothing behind."""
    connection = await asyncpg.connect(module_database_url)
    await connection.execute("SELECT register_embedding_model('test', 'vectors_test', 3)")
    yield connection
    await connection.close()


@pytest.mark.parametrize(("table", "name"), BLOCKS)
async def test_query_fits_the_schema(connection: asyncpg.Connection, table: str, name: str) -> None:
    await connection.prepare(load_queries(table)[name].replace("{vectors}", "vectors_test"))
