"""What the mail channel needs of the database, as Protocols; crm implements them. Every method raises DatabaseAway."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from agent.mail_records import (
    MailboxClaim,
    MailFate,
    OutgoingMail,
    ReferencedMail,
    SeenMail,
    ThreadSoFar,
)
from agent.records import Accepted, Channel, ConversationId, InboundMessage, OutboxId


class MailStore(Protocol):
    """crm.mails.Mails."""

    async def fetch_handled(self, provider_keys: Sequence[str]) -> set[str]: ...

    async def fetch_referenced(
        self, message_ids: Sequence[str], mailbox: str, provider_thread: str
    ) -> list[ReferencedMail]: ...

    async def record_seen(self, mail: SeenMail, root_id: UUID | None) -> None: ...

    async def record_handled(self, provider_key: str, fate: MailFate, reason: str = "") -> None: ...

    async def fetch_own(self, token: str, message_id: str) -> OutboxId | None: ...

    async def record_sent(
        self, outbox_id: OutboxId, provider_key: str, provider_thread: str, message_id: str
    ) -> None: ...

    async def count_replies(self, address: str, root_id: UUID | None) -> int: ...

    async def record_bounce(
        self, provider_key: str, bounced_message_id: str, summary: str
    ) -> ConversationId | None: ...

    async def tie(self, provider_key: str, outbox_id: OutboxId) -> None: ...

    async def fetch_newest_conversation(self, channel: Channel, thread_key: str) -> ConversationId | None: ...


class SentMails(Protocol):
    """The part of crm.mails.Mails that sending needs."""

    async def fetch_thread(self, conversation_id: ConversationId, outbox_id: OutboxId) -> ThreadSoFar: ...

    async def record_outgoing(self, mail: OutgoingMail) -> None: ...

    async def record_sent(
        self, outbox_id: OutboxId, provider_key: str, provider_thread: str, message_id: str
    ) -> None: ...


class MailboxStore(Protocol):
    """crm.mailboxes.Mailboxes."""

    async def connect(self, mailbox: str, *, offline: bool = False) -> None: ...

    async def claim(self, mailbox: str) -> MailboxClaim | None: ...

    async def renew(self, claim: MailboxClaim) -> None: ...

    async def advance(self, claim: MailboxClaim, cursor: int) -> None: ...

    async def finish(self, claim: MailboxClaim, *, found_late: bool = False) -> None: ...

    async def fetch_failures(self, mailbox: str) -> int: ...

    async def record_failed(
        self, claim: MailboxClaim, error: str, pause_s: float, *, needs_reauth: bool = False
    ) -> None: ...

    async def record_watched(self, mailbox: str, expires_at: datetime) -> None: ...

    async def record_not_watched(self, mailbox: str, error: str) -> None: ...

    async def seconds_until_due(self, mailbox: str) -> float | None: ...


class MessageInbox(Protocol):
    """crm.inbox.Inbox."""

    async def accept(self, message: InboundMessage) -> Accepted: ...

    async def suppress(self, message: InboundMessage, reason: str, for_people: str | None = None) -> Accepted: ...


class People(Protocol):
    """The part of crm.desk.Desk that a person's own mail needs."""

    async def record_written_elsewhere(
        self, conversation_id: ConversationId, operator: str, text: str, token: str, provider_id: str
    ) -> OutboxId: ...


class Proofs(Protocol):
    """The part of crm.confirmations.Confirmations that mail needs."""

    async def confirm_by_reply(self, conversation_id: ConversationId, message_ids: Sequence[str]) -> str | None: ...


class Files(Protocol):
    """The part of crm.attachments.Attachments that mail needs."""

    async def add(
        self,
        conversation_id: ConversationId,
        name: str,
        media_type: str,
        content: bytes,
        *,
        count_max: int,
        total_max_bytes: int,
    ) -> object: ...
