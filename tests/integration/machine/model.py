"""What must be true, in plain Python: small on purpose. All that can be seen in the database alone is the auditor's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agent.records import Claim, ConversationId, CustomerId, InboundMessage, OutboxId, OutboxItem, TurnContext
from crm.database import Database

Outcome = Any
"""What an operation gave: its value, or the FteError that it raised."""
Lane = tuple[ConversationId, bool]
"""A conversation, and whether its messages are meant or what goes by mail beside it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call into the system. `expect` holds it against the model, when nothing else ran and nothing was cut;
    `absorb` is what the caller knows afterwards in any case."""

    run: Callable[[Database], Awaitable[Outcome]]
    expect: Callable[[Outcome], None]
    absorb: Callable[[Outcome], None] = lambda _: None


@dataclass(eq=False, slots=True)
class Holder:
    """Someone who holds a claim, or believes so."""

    claim: Claim
    context: TurnContext | None = None


@dataclass(eq=False, slots=True)
class Parcel:
    """An outbox row in a courier's hands. Not `live`: its lease is over, so its courier must not send any more."""

    item: OutboxItem
    live: bool = True
    delivered: bool = False


@dataclass(slots=True)
class WorkModel:
    fence: int
    leased: bool


@dataclass(slots=True)
class ConversationModel:
    customer_id: CustomerId
    state: str
    owner: str | None
    owner_epoch: int
    opted_out: bool


@dataclass(slots=True)
class Model:
    sent: dict[str, tuple[InboundMessage, bool]] = field(default_factory=dict)
    """By key: the message, and whether it was acknowledged."""
    stored: set[str] = field(default_factory=set)
    arrivals: dict[ConversationId, list[str]] = field(default_factory=dict)
    """Keys whose acknowledgement preceded the next one's sending."""
    work: dict[CustomerId, WorkModel] = field(default_factory=dict)
    conversations: dict[ConversationId, ConversationModel] = field(default_factory=dict)
    merged: set[CustomerId] = field(default_factory=set)
    holders: list[Holder] = field(default_factory=list)
    parcels: list[Parcel] = field(default_factory=list)
    delivered: dict[str, OutboxId] = field(default_factory=dict)
    """The provider's own books, by send token."""
    delivered_in: dict[Lane, list[OutboxId]] = field(default_factory=dict)
    ended: dict[Any, Any] = field(default_factory=dict)
    """Which outcome ended which message: never changes, never goes."""
