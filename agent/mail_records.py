"""Mail and mailboxes as frozen records: what the code that reads mail and the code that stores it tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from agent.records import Channel, ConversationId, Identity, OutboxId


class MailFate(StrEnum):
    """What became of a mail that was found in a mailbox."""

    MESSAGE = "message"
    """A customer's message, which a turn answers."""
    SUPPRESSED = "suppressed"
    """A message that is stored and not answered."""
    BOUNCE = "bounce"
    """It says that a mail of ours could not be delivered."""
    SENT = "sent"
    """Our own."""
    PERSON = "person"
    """A person wrote it from the mailbox."""
    IGNORED = "ignored"
    """It concerns no conversation."""


@dataclass(frozen=True, slots=True)
class SeenMail:
    """A mail as it is found in a mailbox. `provider_key` is '<mailbox>/<the provider's id>'; Message-IDs have their
    angle brackets; `references` are the oldest first; `thread_index` is Outlook's."""

    mailbox: str
    provider_key: str
    provider_thread: str
    message_id: str
    references: tuple[str, ...]
    subject: str
    thread_index: str
    raw: bytes
    ours: bool = False
    """Found among what was sent from the mailbox."""
    sender_path: str = ""
    """The network from which a mail of a domain without SPF and DKIM came, empty for all other mail."""


@dataclass(frozen=True, slots=True)
class ReferencedMail:
    """A mail that another one refers to. `conversation_id` and what follows is None where it belongs to none."""

    root_id: UUID
    conversation_id: ConversationId | None = None
    channel: Channel | None = None
    thread_key: str = ""
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class ThreadSoFar:
    """What a mail of ours goes on from. `references` are the Message-IDs of the thread, the oldest first; all is
    empty for the first mail of a conversation."""

    subject: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    thread_index: str = ""
    root_id: UUID | None = None
    mailbox: str = ""
    provider_thread: str = ""


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """What identifies a mail of ours before it is sent."""

    outbox_id: OutboxId
    mailbox: str
    message_id: str
    references: tuple[str, ...]
    root_id: UUID | None
    subject: str


@dataclass(frozen=True, slots=True)
class MailboxClaim:
    """The right to sync a mailbox, valid while `fence` is still its row's. `cursor` is None before the first sync."""

    mailbox: str
    fence: int
    cursor: int | None
    connected_at: datetime
    synced_at: datetime | None
    watched_at: datetime | None
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class MailboxState:
    """How a mailbox stands, for those who look after it. `mode` is live, offline or needs_reauth; `error` is empty
    while it is read and watched."""

    mailbox: str
    mode: str
    error: str
    error_at: datetime | None
    synced_at: datetime | None
    watch_expires_at: datetime | None
