"""What Twilio has and a webhook outage kept from us: messages of customers, and reports of sends that failed.

Twilio calls a webhook once, or a few times where the address asks for it, and then never again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from agent.errors import BadInput
from agent.records import InboundMessage, MissedReport
from channels.whatsapp.addresses import to_address
from channels.whatsapp.api import ListedMessage, TwilioApi
from channels.whatsapp.inbound import to_inbound

_LOG = logging.getLogger(__name__)
_ENDED_BADLY = frozenset({"failed", "undelivered", "canceled"})
_WEBHOOK_S = timedelta(seconds=60)
"""How long a webhook may still be on its way, with more in it than a list has."""


class TwilioMissed:
    """Implements ports.MissedSource."""

    def __init__(self, api: TwilioApi) -> None:
        self._api = api
        self.name = to_address(api.account.number)

    async def fetch(self, since: datetime) -> AsyncIterator[InboundMessage | MissedReport]:
        """Everything of our number since then, messages in the order in which they were written, which the list has
        backwards: a START after a STOP holds, and a burst is read as it was meant. Most of it is known. Raises
        ProviderAway."""
        until = datetime.now(UTC) - _WEBHOOK_S
        found = [
            listed
            async for listed in self._api.list_messages(to=self.name, since=since)
            if listed.inbound and listed.created_at < until
        ]
        found.reverse()  # their times are whole seconds
        for listed in sorted(found, key=lambda each: each.created_at):
            message = await self._read(listed)
            if message is not None:
                yield message
        async for listed in self._api.list_messages(sent_from=self.name, since=since):
            if not listed.inbound and listed.status in _ENDED_BADLY:
                yield MissedReport(listed.sid, listed.status, listed.error_code)

    async def _read(self, listed: ListedMessage) -> InboundMessage | None:
        media = await self._api.list_media(listed.sid) if listed.media_count else ()
        try:
            return to_inbound(
                sid=listed.sid, sender=listed.sent_from, ours=listed.sent_to, body=listed.body, media=media
            )
        except BadInput as error:
            _LOG.warning("a listed message cannot be read: %s", error.field)
            return None
