"""The sender of channels whose messages are read where they are stored."""

from __future__ import annotations

from agent.records import OutboxItem


class StoredSender:
    """Implements ports.Sender: the outbox row itself is the delivery.

    The form's page shows it, and so does the desk for a channel that has no provider configured. Sending again
    is the same delivery, so a look-up always finds it.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    async def send(self, item: OutboxItem) -> str:
        return f"{self._prefix}:{item.send_token}"

    async def find_sent(self, item: OutboxItem) -> str | None:
        return f"{self._prefix}:{item.send_token}"
