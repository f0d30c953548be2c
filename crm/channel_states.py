"""What the database shows of each channel's traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.records import Channel
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("channel_states")
# There is no index of a channel's latest: so many rows are read in moments, and who wrote before them wrote long ago.
_LOOKED_AT = 50_000
WINDOW = timedelta(hours=24)
"""For so long after their last message WhatsApp's customers may be written to freely."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """`last_error` is empty when the latest delivery went well; `wrote_within_window` counts identities of WhatsApp,
    and is None elsewhere."""

    last_inbound_at: datetime | None
    last_outbound_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    wrote_within_window: int | None


async def fetch_traffic(database: Database) -> Mapping[Channel, Traffic]:
    """Every channel's, by what is among the latest 50,000 messages and deliveries. Raises DatabaseAway."""
    async with database.connection() as connection:
        rows = await connection.fetch(_QUERIES["fetch_traffic"], _LOOKED_AT, WINDOW)
    return {
        Channel(row["channel"]): Traffic(
            last_inbound_at=row["last_inbound_at"],
            last_outbound_at=row["last_outbound_at"],
            last_error=row["last_error"],
            last_error_at=row["last_error_at"],
            wrote_within_window=row["within"],
        )
        for row in rows
    }
