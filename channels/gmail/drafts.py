"""Drafts of replies that are not sent any more, since a person took over or sending was given up: they are deleted."""

from __future__ import annotations

import logging
from typing import Protocol

from agent.errors import DatabaseAway, FteError, NotFound, ProviderAway
from agent.records import OutboxId

_LOG = logging.getLogger(__name__)
_AT_A_TIME = 20


class LeftDrafts(Protocol):
    """The part of crm.mails.Mails that this needs. Every method raises DatabaseAway."""

    async def fetch_left_drafts(self, limit: int) -> list[tuple[OutboxId, str]]: ...

    async def forget_draft(self, outbox_id: OutboxId, draft_id: str) -> None: ...


class Drafts(Protocol):
    """The part of client.GmailClient that this needs."""

    async def delete_draft(self, draft_id: str) -> None: ...


class DraftTidier:
    """Deletes them, a few at a time. What goes wrong at Gmail is tried again with the next sync and stops nothing."""

    def __init__(self, gmail: Drafts, left: LeftDrafts) -> None:
        self._gmail = gmail
        self._left = left

    async def tidy(self) -> None:
        """Raises DatabaseAway."""
        for outbox_id, draft_id in await self._left.fetch_left_drafts(_AT_A_TIME):
            try:
                await self._gmail.delete_draft(draft_id)
            except NotFound:
                pass  # a person deleted it, or it was sent after all
            except DatabaseAway:
                raise
            except ProviderAway:
                _LOG.info("a draft that is not sent any more could not be deleted; it is tried again")
                return
            except FteError as error:
                _LOG.warning("Gmail refuses to delete a draft; it stays: %s", type(error).__name__)
            await self._left.forget_draft(outbox_id, draft_id)
