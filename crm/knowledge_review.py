"""Articles that somebody should look at again: their time is over, or nobody has verified them for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("knowledge")


class StaleReason(StrEnum):
    EXPIRED = "expired"
    """Past its `valid_until`."""
    UNVERIFIED = "unverified"
    """Last verified longer ago than the operator wants."""
    NEVER_VERIFIED = "never_verified"
    """Without `last_verified_at`. It ranks as others do: nothing is known of it."""


@dataclass(frozen=True, slots=True)
class StaleArticle:
    slug: str
    title: str
    reason: StaleReason
    last_verified_at: datetime | None
    valid_until: datetime | None


async def fetch_stale_articles(database: Database, review_days: int) -> list[StaleArticle]:
    """The most urgent first: expired ones, then those verified longest ago. Raises DatabaseAway."""
    async with database.connection() as connection:
        rows = await connection.fetch(_QUERIES["fetch_stale_articles"], review_days)
    return [
        StaleArticle(row["slug"], row["title"], StaleReason(row["reason"]), row["last_verified_at"], row["valid_until"])
        for row in rows
    ]
