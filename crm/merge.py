"""Two customers found to be one, and taken apart again: nothing is lost, doubled or misdirected, and a running turn of
either loses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from agent.errors import Conflict, NotFound
from agent.records import CustomerId, MergeId
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("merge")
_SHOWN_MAX = 200
_REFUSED = "FT002"
_UNKNOWN = "FT003"


@dataclass(frozen=True, slots=True)
class MergeView:
    """A merge as an operator sees it. The source's `conversations` were moved to the target; `undone_at` is null while
    the merge stands."""

    merge_id: MergeId
    source_id: CustomerId
    source_name: str
    target_id: CustomerId
    target_name: str
    evidence: str
    conversations: int
    created_at: datetime
    undone_at: datetime | None
    undone_by: str | None


async def merge_customers(database: Database, source: CustomerId, target: CustomerId, evidence: str) -> MergeId:
    """Move all that is the source's to the target, in one transaction; conversations keep their identities.

    Only verified evidence may lead here. Raises Conflict when either was merged away, NotFound, DatabaseAway.
    """
    return MergeId(await _call(database, "merge_customers", source, target, evidence))


async def undo_merge(database: Database, merge_id: MergeId, operator: str) -> None:
    """Give the source back what was its own: its identifiers, and the conversations that are held with them, also those
    that began since. What only the merge's own evidence had proved is a claim again.

    Raises Conflict when it was undone already or rests under a later merge, NotFound, DatabaseAway.
    """
    await _call(database, "undo_merge", merge_id, operator)


class Merges:
    """The merges as operators see them. Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, customer_id: CustomerId | None = None) -> list[MergeView]:
        """The latest first, of one customer or of all; at most 200."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_merges"], customer_id, _SHOWN_MAX)
        return [MergeView(**row) for row in rows]

    async def undo(self, merge_id: MergeId, operator: str) -> None:
        """As undo_merge."""
        await undo_merge(self._database, merge_id, operator)


async def _call(database: Database, query: str, *arguments: object) -> Any:
    async with database.connection() as connection:
        try:
            return await connection.fetchval(_QUERIES[query], *arguments)
        except asyncpg.PostgresError as error:
            if error.sqlstate == _REFUSED:
                raise Conflict(str(error)) from error
            if error.sqlstate == _UNKNOWN:
                raise NotFound(str(error)) from error
            raise
