"""Syncs a mailbox whenever it is hinted at, and every few minutes without a hint."""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable

from agent.errors import DatabaseAway, FenceLost, FteError, NeedsReauth, ProviderBusy
from agent.log_fields import log_extra
from agent.mail_records import MailboxClaim
from agent.times import Times
from agent.workers.waking_loop import StopListening, WakingLoop
from channels.gmail.stores import MailboxStore
from channels.gmail.sync import MailboxSync

_LOG = logging.getLogger(__name__)
_STANDS_STILL_AFTER_S = 180.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 300.0
_REAUTH_PAUSE_S = 900.0

Listen = Callable[[Callable[[], None], Callable[[], None]], Awaitable[StopListening]]
"""listen(on_notify, on_lost) hears of hints; returns how to stop. Raises DatabaseAway."""


class MailboxLoop(WakingLoop):
    """Any number of them may run for one mailbox: its row lets one at a time sync."""

    def __init__(
        self,
        mailbox: str,
        store: MailboxStore,
        sync: Callable[[Callable[[], None]], MailboxSync],
        listen: Listen,
        times: Times,
        *,
        offline: bool = False,
        credentials_changed: Callable[[], bool] = lambda: False,
    ) -> None:
        """`sync` makes the sync from what it calls at every step. `credentials_changed`: other ones lie there than
        were used last, so that a refusal no longer counts."""
        super().__init__(times, beat_limit_s=_STANDS_STILL_AFTER_S, longest_outage_pause_s=times.backoff_cap_s)
        self._mailbox = mailbox
        self._store = store
        self._sync = sync(self.heartbeat.beat)
        self._listen_to_hints = listen
        self._offline = offline
        self._credentials_changed = credentials_changed
        self._connected = False
        self._refused = False
        # A claim whose end the database did not take.
        self._left: MailboxClaim | None = None

    async def _listen(self) -> StopListening:
        return await self._listen_to_hints(self.wake, self._stop_hearing)

    async def _round(self) -> float:
        """One sync where one is due; returns how long there is nothing to do."""
        if not self._connected or (self._refused and self._credentials_changed()):
            await self._store.connect(self._mailbox, offline=self._offline)
            self._connected, self._refused = True, False
        if self._left is not None:
            # Not to wait for our own lease to end.
            await self._store.record_failed(self._left, "the database was away", 0.0)
            self._left = None
        claim = await self._store.claim(self._mailbox)
        if claim is None:
            return self._at_most_poll_s(await self._store.seconds_until_due(self._mailbox))
        try:
            found_late = await self._sync.run(claim)
            await self._store.finish(claim, found_late=found_late)
        except DatabaseAway:
            self._left = claim
            raise
        except FenceLost:
            _LOG.warning("another process syncs the mailbox")
        except Exception as error:
            await self._record_failed(claim, error)
        return 0.0

    async def _record_failed(self, claim: MailboxClaim, error: Exception) -> None:
        about = log_extra(reason=type(error).__name__)
        if isinstance(error, NeedsReauth):
            self._refused = True
            _LOG.error("Gmail's credentials are refused; a person must authorise the mailbox anew", extra=about)
            await self._store.record_failed(claim, str(error), _REAUTH_PAUSE_S, needs_reauth=True)
            return
        if not isinstance(error, FteError):
            _LOG.exception("a sync failed in an unforeseen way")
        failures = await self._store.fetch_failures(claim.mailbox)
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(failures, 10), _LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)  # noqa: S311
        if isinstance(error, ProviderBusy):
            pause_s = max(pause_s, error.pause_s)
        _LOG.warning("a sync of the mailbox failed; the next one waits %.0f s", pause_s, extra=about)
        told = str(error) if isinstance(error, FteError) else f"an unforeseen error ({type(error).__name__})"
        await self._store.record_failed(claim, told, pause_s)
