"""Every query of crm/sql is prepared against the real schema."""

from __future__ import annotations

import asyncpg
import pytest

from crm.queries import load_queries, query_files

BLOCKS = [(table, name) for table in query_files() for name in load_queries(table)]


@pytest.mark.parametrize(("table", "name"), BLOCKS)
async def test_query_fits_the_schema(database_url: str, table: str, name: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        sql = load_queries(table)[name]
        if "{vectors}" in sql:
            await connection.execute("SELECT register_embedding_model('test', 'vectors_test', 3)")
            sql = sql.replace("{vectors}", "vectors_test")
        await connection.prepare(sql)
    finally:
        await connection.close()
