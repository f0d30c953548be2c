"""One migrated database used by many examples: wiped between them, which takes a millisecond."""

from __future__ import annotations

import asyncpg

_TABLES = (
    "customer_merges",
    "delivery_events",
    "outbox_parts",
    "send_rates",
    "consents",
    "media_fetches",
    "resolutions",
    "quarantine",
    "agent_metrics",
    "events",
    "escalations",
    "mails",
    "outbox",
    "confirmations",
    "messages",
    "outcomes",
    "tickets",
    "conversations",
    "work",
    "customer_identifiers",
    "customers",
)
# Foreign keys need no order here, and nothing of an outcome needs guarding.
_WIPE = (
    "BEGIN; SET LOCAL session_replication_role = replica; "
    + "; ".join(f"DELETE FROM {table}" for table in _TABLES)
    + "; COMMIT"
)


async def wipe(connection: asyncpg.Connection) -> None:
    """Remove every customer and all that belongs to them."""
    await connection.execute(_WIPE)
