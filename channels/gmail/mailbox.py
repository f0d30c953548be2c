"""A mailbox as the sync reads it: Gmail's, or the local one of the offline mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.errors import FteError

GMAIL_AUTHSERV = "mx.google.com"
"""As Gmail's servers sign Authentication-Results."""
INBOX, SENT, DRAFT, SPAM, TRASH = "INBOX", "SENT", "DRAFT", "SPAM", "TRASH"


class HistoryGone(FteError):
    """The provider no longer knows the history since the cursor. Gmail keeps about a week of it, at times hours."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Whose mailbox it is, and the history id of its latest change."""

    address: str
    history_id: int


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Mails that came or went since the cursor, in order. `up_to` is the history id of the page's last record, None
    for a page without records; `history_id` the mailbox's when the page was made."""

    mail_ids: tuple[str, ...]
    up_to: int | None
    history_id: int


@dataclass(frozen=True, slots=True)
class FoundMail:
    """A mail as it lies in the mailbox. `raw` is RFC 5322 bytes."""

    mail_id: str
    thread_id: str
    labels: frozenset[str]
    received_at: datetime
    raw: bytes


@dataclass(frozen=True, slots=True)
class Watch:
    """Until when the provider tells of new mail."""

    history_id: int
    expires_at: datetime


class Mailbox(Protocol):
    """Every method raises ProviderAway, with its kinds ProviderBusy and NeedsReauth."""

    async def fetch_profile(self) -> Profile: ...

    def history(self, cursor: int) -> AsyncIterator[HistoryPage]:
        """What changed after the cursor. Raises HistoryGone."""
        ...

    def list_since(self, since: datetime) -> AsyncIterator[tuple[str, ...]]:
        """Ids of all mails that came or went since, spam and trash left out, the latest first."""
        ...

    async def fetch_mail(self, mail_id: str) -> FoundMail | None:
        """None when it is gone: deleted, or a draft that was replaced."""
        ...

    async def watch(self) -> Watch | None:
        """Ask to be told of new mail for about a week; None where there is nobody to ask."""
        ...

    async def close(self) -> None: ...
