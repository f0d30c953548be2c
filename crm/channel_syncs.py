"""How far each provider's own list was read, by one courier at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("channel_syncs")
_AFTER_TROUBLE = timedelta(seconds=60)


class ChannelSyncs:
    """Implements agent.workers.reconcile.SyncStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, source: str, every_s: float, lease_s: float) -> datetime | None:
        """Until when everything is known; None when it was read lately, or somebody reads it now."""
        async with self._database.connection() as connection:
            until: datetime | None = await connection.fetchval(
                _QUERIES["claim_sync"], source, timedelta(seconds=every_s), timedelta(seconds=lease_s)
            )
        return until

    async def record_synced(self, source: str, until: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_synced"], source, until)

    async def record_trouble(self, source: str, error: str) -> None:
        """Keep what went wrong; the next read begins where this one did."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_trouble"], source, error, _AFTER_TROUBLE)

    async def now(self) -> datetime:
        async with self._database.connection() as connection:
            now: datetime = await connection.fetchval(_QUERIES["fetch_now"])
        return now
