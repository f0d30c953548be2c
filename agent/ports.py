"""What the core needs from outside, as Protocols. Adapters live in crm, models, channels and deployments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from agent.records import (
    Claim,
    CommitStatus,
    CustomerId,
    FailureCause,
    FetchedFile,
    Identity,
    InboundMessage,
    MediaFetch,
    MissedReport,
    ModelUse,
    OutboxItem,
    Passage,
    TurnContext,
    TurnDecision,
)

Float32Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors and the embedding model they belong to; they mean nothing to any other model (invariant 8).

    `vectors` has shape (n, dimension), float32, rows of unit length.
    """

    model_id: str
    vectors: Float32Array


class Embedder(Protocol):
    """Raises EmbeddingAway when it cannot answer, TextTooLong for a text over the model's limit."""

    async def embed(self, texts: Sequence[str]) -> Embeddings: ...


class SentimentScorer(Protocol):
    """Scores each text from -1 (furious) to 1 (delighted), in order."""

    async def score(self, texts: Sequence[str]) -> list[float]: ...


class KnowledgeSearch(Protocol):
    """Hybrid search. Raises DatabaseAway."""

    async def reword(self, text: str) -> str:
        """The text in the articles' words; the same text where there is nothing to exchange."""
        ...

    async def search(self, text: str, embeddings: Embeddings, limit: int) -> list[Passage]:
        """Best first. `embeddings` holds one row, the query's vector."""
        ...


class ModelLedger(Protocol):
    """Holds the day's ceiling of the language model over all replicas. Raises DatabaseAway."""

    async def reserve(self, held: UUID | None, tokens: int, cost_micros: int) -> UUID | None:
        """Before a call: hold so much for it, beside what the turn holds already as `held`; returns the turn's
        reservation, or None where there is no ceiling. Raises ModelCeilingReached when it does not fit."""
        ...

    async def settle(self, use: ModelUse, context: TurnContext) -> None:
        """Count what a turn took that commits nothing, and give back what else is held for it; twice does no harm. A
        turn that commits is settled by its commit."""
        ...


class TurnStore(Protocol):
    """The database side of a turn. Every method is one transaction or less; none spans a model call."""

    async def claim(self, customer_id: CustomerId, holder: str) -> Claim | None:
        """Lease the customer's due work under a new fence; None when nothing is due or another holds it."""
        ...

    async def renew(self, claim: Claim) -> bool:
        """Extend the lease; False when the fence moved on."""
        ...

    async def gather(self, claim: Claim) -> TurnContext | None:
        """Read the turn's context; None when nothing is queued. Raises FenceLost."""
        ...

    async def commit(
        self, claim: Claim, context: TurnContext, decision: TurnDecision, *, allow_rerun: bool
    ) -> CommitStatus:
        """Write the whole turn in one transaction, or raise FenceLost and write nothing.

        With `allow_rerun`, a newer message of the same conversation makes it write nothing and return
        NEWER_MESSAGES; without, what was gathered is committed and the rest stays queued.
        """
        ...

    async def release(self, claim: Claim) -> None:
        """Give the work back, due at once and without counting a failure. Silent when the fence moved on."""
        ...

    async def fail(self, claim: Claim, cause: FailureCause, error: str) -> None:
        """Give the work back later, counted against `cause`; over the budget the burst is dead-lettered."""
        ...


@dataclass(frozen=True, slots=True)
class LockGrant:
    """A grant of a lock actor. `token` identifies it for release and renew."""

    customer_id: CustomerId
    token: str


class ConversationLocks(Protocol):
    """First come, first served per customer. None means: not within the deadline, let Postgres alone decide."""

    async def acquire(self, customer_id: CustomerId, holder: str) -> LockGrant | None: ...

    async def release(self, grant: LockGrant) -> None: ...


class Sender(Protocol):
    """One channel's way out: a real adapter and an offline one, under one conformance suite."""

    async def send(self, item: OutboxItem) -> str:
        """Send and return the provider's id. Raises ProviderAway, SendAmbiguous or SendRejected."""
        ...

    async def find_sent(self, item: OutboxItem) -> str | None:
        """Look an ambiguous send up at the provider by `send_token`; its id, or None when it never arrived."""
        ...


@runtime_checkable
class SplittingSender(Sender, Protocol):
    """A sender whose provider takes texts up to a limit and reports on each part later.

    The courier sends the parts one after another, each with its own state; `send` and `find_sent` are about
    `item.text`.
    """

    def split(self, item: OutboxItem) -> tuple[str, ...]:
        """The body in parts that each fit, in order; one where it fits whole. Never empty, and none is blank."""
        ...


RememberDraft = Callable[[OutboxItem, str], Awaitable[None]]
"""remember_draft(item, draft_id) stores a draft on the outbox row, under its lease, before the draft is sent; from then
on every item of that row has it as `provider_draft`. A sender that needs it gets it from whoever builds it.

Raises LeaseLost when another courier has the row: the draft must not be sent. Raises DatabaseAway.
"""


class MediaSource(Protocol):
    """Where files come from that messages name."""

    async def fetch(self, media: MediaFetch) -> FetchedFile:
        """Raises MediaUnavailable for what may come yet, MediaRefused for what is not taken."""
        ...


class MissedSource(Protocol):
    """A provider's own list of what it has, for what a webhook outage missed. `name` is the same after a restart."""

    name: str

    def fetch(self, since: datetime) -> AsyncIterator[InboundMessage | MissedReport]:
        """Everything since then, known or not, in no order. Raises ProviderAway."""
        ...


@dataclass(frozen=True, slots=True)
class Recipient:
    """Where a reply goes: the identity of the conversation, not any of the customer's."""

    identity: Identity
    thread_key: str
