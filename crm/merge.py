"""Two customers found to be one: nothing is lost, doubled or misdirected, and a running turn of either loses."""

from __future__ import annotations

from agent.errors import Conflict, NotFound
from agent.records import CustomerId
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("merge")


async def merge_customers(database: Database, source: CustomerId, target: CustomerId, evidence: str) -> None:
    """Move all that is the source's to the target, in one transaction; conversations keep their identities.

    Only verified evidence may lead here. Raises Conflict when either was merged away, NotFound, DatabaseAway.
    """
    if source == target:
        raise Conflict("a customer cannot be merged into itself")
    both = sorted((source, target))
    async with database.transaction() as connection:
        rows = await connection.fetch(_QUERIES["fetch_merged"], both)
        if len(rows) != len(both):
            raise NotFound("no such customer")
        await connection.execute(_QUERIES["lock_work"], both)
        rows = await connection.fetch(_QUERIES["fetch_merged"], both)
        if any(row["merged_into"] is not None for row in rows):
            raise Conflict("one of the customers was merged already")
        await connection.execute(_QUERIES["record_merge"], source, target, evidence)
        await connection.execute(_QUERIES["move_conversations"], source, target)
        await connection.execute(_QUERIES["move_messages"], source, target)
        await connection.execute(_QUERIES["move_work"], source, target)
        await connection.execute(_QUERIES["move_rest"], source, target)
