"""One sync of a mailbox: from the stored cursor on, every mail once, the cursor moved only past what is stored.

https://developers.google.com/workspace/gmail/api/guides/sync. A push says that there is news and nothing else: what it
names as the newest change is already behind other changes that nobody has seen.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from agent.errors import DatabaseAway, FteError, NeedsReauth, ProviderAway
from agent.log_fields import log_extra, log_fields
from agent.mail_records import MailboxClaim
from agent.records import Channel
from channels.gmail.intake import MailIntake, take_in_unread
from channels.gmail.mailbox import INBOX, FoundMail, HistoryGone, Mailbox
from channels.gmail.stores import MailboxStore, MailStore, MessageInbox

_LOG = logging.getLogger(__name__)
_WATCH_EVERY = timedelta(days=1)
_WATCH_AGAIN_S = 3600.0
# A push comes within seconds; Gmail keeps those back that would be more than one a second.
_PUSH_TAKES = timedelta(seconds=60)
# How far a resync reaches back beyond the last good sync, and how far Gmail's clock and ours may be apart.
_OVERLAP = timedelta(days=1)
_CLOCKS_APART = timedelta(minutes=10)


async def nothing_left() -> None:
    """There is nothing to tidy up."""


class MailboxSync:
    """For one mailbox and one process; who may sync is settled by the claim."""

    def __init__(
        self,
        mailbox: Mailbox,
        store: MailboxStore,
        mails: MailStore,
        inbox: MessageInbox,
        intake: MailIntake,
        beat: Callable[[], None] = lambda: None,
        *,
        renew_every_s: float,
        from_the_start: bool = False,
        tidy: Callable[[], Awaitable[None]] = nothing_left,
    ) -> None:
        """`renew_every_s`: how often the claim's lease is extended. `beat` is called at every step.
        `from_the_start`: the first sync takes in what lies there already. `tidy` ends each sync."""
        self._mailbox = mailbox
        self._store = store
        self._mails = mails
        self._inbox = inbox
        self._intake = intake
        self._beat = beat
        self._renew_every_s = renew_every_s
        self._from_the_start = from_the_start
        self._tidy = tidy
        self._renewed_at = 0.0
        self._watch_again_at = 0.0
        self._is_ours = False
        self._found_late = False

    async def run(self, claim: MailboxClaim) -> bool:
        """Whether it found mail that has lain in the inbox for so long that a push should have told of it.

        Raises ProviderAway and its kinds, DatabaseAway, FenceLost; what was stored by then stays, and so does the
        cursor before what was not.
        """
        self._renewed_at = time.monotonic()
        self._found_late = False
        await self._check_mailbox(claim)
        await self._watch(claim)
        cursor = claim.cursor
        if cursor is None:
            cursor = 0 if self._from_the_start else (await self._mailbox.fetch_profile()).history_id
            await self._store.advance(claim, cursor)
        try:
            await self._take_in_changes(claim, cursor)
        except HistoryGone:
            _LOG.warning("the mailbox's history was forgotten; its mails are listed instead")
            await self._resync(claim)
        await self._tidy()
        return self._found_late

    async def _check_mailbox(self, claim: MailboxClaim) -> None:
        """Once: the mails of another mailbox must not be answered as this one's. Raises NeedsReauth."""
        if self._is_ours:
            return
        if (await self._mailbox.fetch_profile()).address != claim.mailbox:
            raise NeedsReauth("the credentials open another mailbox than FTE_GMAIL_MAILBOX names")
        self._is_ours = True

    async def _take_in_changes(self, claim: MailboxClaim, cursor: int) -> None:
        """Page by page. What changes while pages are read may be on none of them: the first page says how far to go."""
        goal: int | None = None
        async for page in self._mailbox.history(cursor):
            goal = page.history_id if goal is None else goal
            await self._take_in_all(claim, page.mail_ids)
            if page.up_to is not None:
                await self._store.advance(claim, page.up_to)
        if goal is not None:
            await self._store.advance(claim, goal)

    async def _resync(self, claim: MailboxClaim) -> None:
        """All mails since before the last good sync. The new cursor is read first, so that what comes meanwhile is
        after it."""
        profile = await self._mailbox.fetch_profile()
        since = max((claim.synced_at or claim.connected_at) - _OVERLAP, claim.connected_at) - _CLOCKS_APART
        mail_ids: list[str] = []
        async for page in self._mailbox.list_since(since):
            self._beat()
            mail_ids += page
        await self._take_in_all(claim, list(reversed(mail_ids)))
        await self._store.advance(claim, profile.history_id)

    async def _take_in_all(self, claim: MailboxClaim, mail_ids: Sequence[str]) -> None:
        """In order; what is known already is not fetched again."""
        handled = await self._mails.fetch_handled([self._intake.key_of(each) for each in mail_ids])
        for mail_id in mail_ids:
            self._beat()
            await self._renew(claim)
            if self._intake.key_of(mail_id) in handled:
                continue
            found = await self._mailbox.fetch_mail(mail_id)
            # Gone, or from before we were asked to look after this mailbox.
            if found is not None and found.received_at >= _begin_of(claim):
                await self._take_in(found)
                is_late = claim.claimed_at - found.received_at >= _PUSH_TAKES
                self._found_late = self._found_late or (is_late and INBOX in found.labels)

    async def _take_in(self, found: FoundMail) -> None:
        with log_fields(channel=Channel.EMAIL):
            try:
                await self._intake.take_in(found)
            except (DatabaseAway, ProviderAway):
                raise
            except Exception:
                # One mail that nobody foresaw must neither stop all others nor be passed over.
                _LOG.exception("a mail could not be handled; a person is told of it")
                await take_in_unread(self._intake, self._inbox, self._mails, found)

    async def _watch(self, claim: MailboxClaim) -> None:
        """Once a day. Without it the safety poll still finds everything."""
        due = claim.watched_at is None or claim.claimed_at - claim.watched_at >= _WATCH_EVERY
        if not due or time.monotonic() < self._watch_again_at:
            return
        try:
            watch = await self._mailbox.watch()
        except DatabaseAway:
            raise
        except FteError as error:
            self._watch_again_at = time.monotonic() + _WATCH_AGAIN_S
            # Google answers alike where it refuses the credentials and where the topic does not let Gmail publish; the
            # next request tells which.
            told = "the topic may not let Gmail publish" if isinstance(error, NeedsReauth) else "it is tried again"
            await self._store.record_not_watched(claim.mailbox, f"Gmail would not watch the mailbox: {error}; {told}")
            _LOG.warning("Gmail would not watch the mailbox", extra=log_extra(reason=type(error).__name__))
            return
        if watch is not None:
            await self._store.record_watched(claim.mailbox, watch.expires_at)
        else:
            self._watch_again_at = time.monotonic() + _WATCH_AGAIN_S

    async def _renew(self, claim: MailboxClaim) -> None:
        if time.monotonic() - self._renewed_at >= self._renew_every_s:
            await self._store.renew(claim)
            self._renewed_at = time.monotonic()


def _begin_of(claim: MailboxClaim) -> datetime:
    return claim.connected_at - _CLOCKS_APART
