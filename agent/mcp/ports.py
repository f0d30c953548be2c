"""What the tools need from the running system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.records import (
    Category,
    ConversationId,
    CustomerId,
    EscalationRequest,
    MessageId,
    Passage,
    Priority,
    StoredMessage,
    TicketId,
    TurnContext,
)


@dataclass(frozen=True, slots=True)
class TicketFile:
    """All that a call may know of its one ticket.

    `context` is what a turn would know: its burst is what the customer wrote last, its history what was said before
    that, across channels only where the identity is verified. `since` is what we said after the burst, oldest first.
    """

    context: TurnContext
    owner: str | None
    since: tuple[StoredMessage, ...] = ()
    answered: bool = False
    """Whether one of those is an answer: an acknowledgement or a notice is none."""

    @property
    def last_message(self) -> MessageId:
        """The newest message of the conversation, whoever wrote it."""
        return (self.since or self.context.burst)[-1].message_id


@dataclass(frozen=True, slots=True)
class CustomerFile:
    """A customer and the last messages of conversations that they proved to be theirs, oldest first."""

    customer_id: CustomerId
    name: str
    plan: str
    messages: tuple[StoredMessage, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, best first. `matched` when a passage reaches `similarity_needed`."""

    passages: Sequence[Passage]
    matched: bool
    similarity_needed: float


class SupportSystem(Protocol):
    """Reads, and the desk's doors. Every method raises DependencyAway, and NotFound for what it is told to act on.

    A write with `dry_run` makes every check of the real one and changes nothing. Writes raise Conflict as the desk
    does, and leave an event with the operator's name.
    """

    async def open_ticket(self, ticket_id: TicketId) -> TicketFile: ...
    async def open_customer(self, customer_id: CustomerId) -> CustomerFile: ...
    async def search(self, query: str) -> Found: ...
    async def score(self, texts: Sequence[str]) -> list[float]:
        """Sentiment of each text, from -1 (furious) to 1 (delighted)."""
        ...

    async def fetch_articles(self, slugs: Sequence[str]) -> list[Passage]:
        """Whole articles, in the order of their slugs. Raises NotFound naming the first that does not exist."""
        ...

    async def correct_ticket(
        self,
        conversation_id: ConversationId,
        operator: str,
        *,
        subject: str | None,
        category: Category | None,
        priority: Priority | None,
        dry_run: bool,
    ) -> None: ...

    async def reply(self, ticket: TicketFile, operator: str, text: str, idempotency_key: str, *, dry_run: bool) -> None:
        """Raises Conflict also when the conversation has moved on since the file was opened."""
        ...

    async def hand_back(self, conversation_id: ConversationId, operator: str, note: str) -> None: ...
    async def escalate(
        self, conversation_id: ConversationId, operator: str, request: EscalationRequest, *, dry_run: bool
    ) -> None: ...


class SupportShelf(Protocol):
    """What resources show, as plain JSON values. Every method raises DependencyAway, and NotFound for what does not
    exist."""

    async def read_conversation(self, conversation_id: str) -> Mapping[str, Any]: ...
    async def list_escalations(self) -> Sequence[Mapping[str, Any]]: ...
    async def list_channels(self) -> Sequence[Mapping[str, Any]]: ...
    async def list_articles(self) -> Sequence[Mapping[str, Any]]: ...
    async def read_article(self, slug: str) -> str:
        """Markdown."""
        ...

    async def search(self, query: str) -> Found: ...
