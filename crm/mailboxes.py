"""Mailboxes: who may sync one now, from where, and how each stands."""

from __future__ import annotations

from datetime import datetime, timedelta

from agent.errors import FenceLost
from agent.mail_records import MailboxClaim, MailboxState
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("mailboxes")
MAIL_CHANNEL = "fte_mail"
"""The wake-up of whoever syncs mailboxes."""


class Mailboxes:
    """One row a mailbox. Every method raises DatabaseAway."""

    def __init__(self, database: Database, *, poll_s: float = 180.0) -> None:
        """`poll_s` is between two syncs without a hint."""
        self._database = database
        self._lease = timedelta(seconds=database.times.mailbox_lease_s)
        self._poll = timedelta(seconds=poll_s)
        self._gap = timedelta(seconds=database.times.mailbox_gap_s)

    async def connect(self, mailbox: str, *, offline: bool = False) -> None:
        """Make the row of a mailbox. One whose credentials were refused is due at once: they are new now."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["connect_mailbox"], mailbox, "offline" if offline else "live")

    async def record_hint(self, mailbox: str) -> None:
        """Commit that there may be news. Nothing happens for a mailbox that is not ours."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_hint"], mailbox, self._gap)

    async def claim(self, mailbox: str) -> MailboxClaim | None:
        """Lease a mailbox that is due under a new fence; None when it is not, or another syncs it."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["claim_mailbox"], mailbox, self._lease)
        if row is None:
            return None
        return MailboxClaim(
            mailbox=mailbox,
            fence=row["fence"],
            cursor=None if row["cursor"] is None else int(row["cursor"]),
            connected_at=row["connected_at"],
            synced_at=row["synced_at"],
            watched_at=row["watched_at"],
            claimed_at=row["claimed_at"],
        )

    async def renew(self, claim: MailboxClaim) -> None:
        """Extend the lease. Raises FenceLost when another has the mailbox."""
        async with self._database.connection() as connection:
            kept = await connection.fetchval(_QUERIES["renew_mailbox"], claim.mailbox, claim.fence, self._lease)
        _check_kept(kept)

    async def advance(self, claim: MailboxClaim, cursor: int) -> None:
        """Move the cursor on, never back; what it passes is stored. Raises FenceLost."""
        async with self._database.connection() as connection:
            kept = await connection.fetchval(_QUERIES["advance_cursor"], claim.mailbox, claim.fence, str(cursor))
        _check_kept(kept)

    async def finish(self, claim: MailboxClaim, *, found_late: bool = False) -> None:
        """End a sync. `found_late`: it found mail that the provider should have told of before."""
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["finish_sync"], claim.mailbox, claim.fence, self._poll, self._gap, found_late
            )

    async def fetch_failures(self, mailbox: str) -> int:
        """How many syncs failed since the last good one."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_QUERIES["fetch_failures"], mailbox) or 0)

    async def record_failed(
        self, claim: MailboxClaim, error: str, pause_s: float, *, needs_reauth: bool = False
    ) -> None:
        """End a sync that could not be finished; the next one begins after the pause, hinted at or not."""
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_sync_failed"],
                claim.mailbox,
                claim.fence,
                error,
                timedelta(seconds=pause_s),
                needs_reauth,
            )

    async def record_watched(self, mailbox: str, expires_at: datetime) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_watched"], mailbox, expires_at)

    async def record_not_watched(self, mailbox: str, error: str) -> None:
        """Keep why the provider would not tell of new mail; the sync goes on."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_not_watched"], mailbox, error)

    async def seconds_until_due(self, mailbox: str) -> float | None:
        async with self._database.connection() as connection:
            seconds: float | None = await connection.fetchval(_QUERIES["fetch_next_sync"], mailbox)
        return seconds

    async def fetch_states(self) -> list[MailboxState]:
        """The one connected last first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_mailboxes"])
        return [
            MailboxState(
                mailbox=row["mailbox"],
                mode=row["mode"],
                error=row["error"],
                error_at=row["error_at"],
                synced_at=row["synced_at"],
                watch_expires_at=row["watch_expires_at"],
            )
            for row in rows
        ]


def _check_kept(fence: int | None) -> None:
    if fence is None:
        raise FenceLost("another process syncs the mailbox")
