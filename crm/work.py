"""What the dispatcher sees of the queue: who is due, when to look again, and the wake-ups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from agent.records import CustomerId
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("work")
WORK_CHANNEL = "fte_work"
OUTBOX_CHANNEL = "fte_outbox"
DELIVERED_CHANNEL = "fte_delivered"
DESK_CHANNEL = "fte_desk"


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that is due: how much of it nobody holds, the age of the oldest of that (0 when there is none), and how
    much somebody holds."""

    depth: int
    oldest_s: float
    in_hand: int = 0


class WorkQueue:
    """Reads the work rows; only turns change them. Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_due(self, limit: int, in_hand: Collection[CustomerId] = ()) -> list[CustomerId]:
        """Customers whose work is due, oldest first, without those in hand."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_due"], list(in_hand), limit)
        return [CustomerId(row["customer_id"]) for row in rows]

    async def seconds_until_due(self, in_hand: Collection[CustomerId] = ()) -> float | None:
        """Until the next work falls due or a lease on it ends; None when nothing is queued."""
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(_QUERIES["fetch_next_wake_up"], list(in_hand))
        return seconds

    async def fetch_backlog(self) -> Backlog:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_backlog"])
        assert row is not None, "an aggregate without GROUP BY has one row"
        return Backlog(depth=row["depth"], oldest_s=row["oldest_s"], in_hand=row["in_hand"])

    async def notify(self, channel: str = WORK_CHANNEL) -> None:
        """Wake the listeners; called after the commit, since inside it the commits would queue up."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["notify"], channel)

    async def listen(
        self,
        on_notify: Callable[[], None],
        channel: str = WORK_CHANNEL,
        on_lost: Callable[[], None] | None = None,
        further: Collection[str] = (),
    ) -> Callable[[], Awaitable[None]]:
        """Call `on_notify` on each wake-up of `channel` and of the `further` ones; when the connection is lost,
        `on_lost` and it once."""
        return await self._database.listen(channel, on_notify, on_lost, further)
