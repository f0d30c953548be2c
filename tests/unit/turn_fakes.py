"""A turn's surroundings without Ray, database or network: fakes of the ports, and builders of what a turn is given."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
from agents.models.interface import Model
from agents.testing import ModelStep, ScriptedModel, function_call

from agent.ports import Embeddings, Float32Array
from agent.records import (
    Author,
    Category,
    Channel,
    ConversationId,
    ConversationState,
    CustomerId,
    Direction,
    IdentifierKind,
    Identity,
    MessageId,
    Passage,
    Priority,
    ReasonCode,
    Severity,
    StoredMessage,
    Team,
    Ticket,
    TicketId,
    TicketStatus,
    TurnContext,
)
from agent.reply.brand import Brand, ChannelTexts
from agent.times import Times
from agent.turn.model_use import ModelTerms
from agent.turn.prompt_size import PromptSize
from agent.turn.services import TurnServices
from models.offline import OfflineModel

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CONVERSATION = ConversationId(uuid4())
DIMENSION = 32

EXPORT = Passage(
    slug="projects/export",
    title="Export a project",
    heading_path="Export a project > As a CSV file",
    body=(
        "You can export the tasks of a project as a CSV file.\n\n"
        "1. Open the project.\n2. Select **More > Export**.\n3. Choose CSV and confirm.\n\n"
        "The file arrives by e-mail within 15 minutes."
    ),
    similarity=0.71,
    score=0.03,
)
PASSWORD = Passage(
    slug="account/reset-password",
    title="Reset your password",
    heading_path="Reset your password",
    body="1. Select **Forgot password** on the login page.\n2. Enter your e-mail address.\n3. Open the link in the "
    "e-mail.",
    similarity=0.66,
    score=0.02,
)
FAR = replace(EXPORT, similarity=0.05, score=0.01)

BRAND = Brand(
    company="TechCorp",
    product="TaskFlow",
    assistant_name="the TaskFlow assistant",
    greeting=ChannelTexts(email="Dear {name},", whatsapp="Hi {name}!", web_form="Hello {name},"),
    closing=ChannelTexts(email="Kind regards,", web_form="Best wishes,"),
    signature=ChannelTexts(email="TechCorp Customer Success", web_form="TechCorp Customer Success"),
    voice="Be clear.",
)


class FakeEmbedder:
    """Vectors that depend on the text alone. `error` is raised instead, `delay_s` waited first."""

    def __init__(self, error: Exception | None = None, delay_s: float = 0.0) -> None:
        self.error = error
        self.delay_s = delay_s
        self.calls: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        self.calls.append(list(texts))
        await asyncio.sleep(self.delay_s)
        if self.error is not None:
            raise self.error
        rows = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=DIMENSION) for text in texts]
        vectors = np.asarray([row / np.linalg.norm(row) for row in rows], dtype=np.float32)
        return Embeddings("fake", vectors)


class FakeSentiment:
    """The same score for every text, or what `scorer` says."""

    def __init__(self, score: float = 0.0, error: Exception | None = None) -> None:
        self.value = score
        self.error = error

    async def score(self, texts: Sequence[str]) -> list[float]:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return [self.value] * len(texts)


class FakeSearch:
    """Answers the n-th search with the n-th list of passages; the last list repeats."""

    def __init__(self, *results: Sequence[Passage], error: Exception | None = None, fails_from: int = 0) -> None:
        self.results = results or ([EXPORT, PASSWORD],)
        self.error = error
        self.fails_from = fails_from
        self.queries: list[str] = []
        self.vectors: list[Embeddings] = []

    async def reword(self, text: str) -> str:
        return text.replace("tickets", "tasks")

    async def search(self, text: str, embeddings: Embeddings, limit: int) -> list[Passage]:
        self.queries.append(text)
        self.vectors.append(embeddings)
        await asyncio.sleep(0)
        if self.error is not None and len(self.queries) > self.fails_from:
            raise self.error
        return list(self.results[min(len(self.queries), len(self.results)) - 1])[:limit]


@dataclass(frozen=True)
class FakeVerdict:
    reason_code: ReasonCode
    team: Team = Team.BILLING
    severity: Severity = Severity.P2
    evidence: str = "the words of the rule"


@dataclass
class FakePolicy:
    """The two rules after an attempt as DESIGN says; `immediate_verdict` for every text."""

    immediate_verdict: FakeVerdict | None = None
    negative_threshold: float = -0.3
    clear: bool = False
    mood: float | None = None
    """What every text means, None for what its words say."""
    seen: list[tuple[str, Embeddings]] = field(default_factory=list)
    leaned_on: list[tuple[str, Float32Array] | None] = field(default_factory=list)

    def match_threshold(self, model_id: str) -> float:
        assert model_id == "fake"
        return 0.35

    def sentiment(self, text: str, embeddings: Embeddings, by_words: float) -> float:
        return by_words if self.mood is None else self.mood

    def immediate(
        self,
        text: str,
        embeddings: Embeddings,
        *,
        negative_streak: int,
        leans_on: tuple[str, Float32Array] | None = None,
    ) -> FakeVerdict | None:
        self.seen.append((text, embeddings))
        self.leaned_on.append(leans_on)
        return self.immediate_verdict or self.after_attempt(negative_streak=negative_streak, gap_streak=0)

    def is_clear(self, text: str, embeddings: Embeddings) -> bool:
        return self.clear or not self.parts(text)

    def parts(self, text: str) -> tuple[str, ...]:
        return tuple(text.split("\n")) if "\n" in text else ()

    def verdict(self, reason: ReasonCode, evidence: str) -> FakeVerdict:
        return FakeVerdict(reason, Team.GENERAL, Severity.P3, evidence)

    def after_attempt(self, *, negative_streak: int, gap_streak: int) -> FakeVerdict | None:
        if negative_streak >= 2:
            return FakeVerdict(ReasonCode.NEGATIVE_SENTIMENT, Team.GENERAL)
        if gap_streak >= 2:
            return FakeVerdict(ReasonCode.KNOWLEDGE_GAP, Team.TECHNICAL, Severity.P3)
        return None


def count_words(text: str) -> int:
    return len(text.split())


def services(
    *,
    model: Model | None = None,
    embedder: FakeEmbedder | None = None,
    sentiment: FakeSentiment | None = None,
    search: FakeSearch | None = None,
    policy: FakePolicy | None = None,
    count_tokens: Callable[[str], int] = count_words,
    times: Times | None = None,
    model_terms: ModelTerms | None = None,
    prompt: PromptSize = PromptSize.FULL,
) -> TurnServices:
    return TurnServices(
        embedder=embedder or FakeEmbedder(),
        sentiment=sentiment or FakeSentiment(),
        search=search or FakeSearch(),
        policy=policy or FakePolicy(),
        model=model or OfflineModel(),
        brand=BRAND,
        count_tokens=count_tokens,
        times=times or Times(embed_timeout_s=600, model_timeout_s=600),
        model_terms=model_terms,
        prompt=prompt,
    )


def message(
    body: str, *, author: Author = Author.CUSTOMER, conversation: ConversationId = CONVERSATION
) -> StoredMessage:
    return StoredMessage(
        message_id=MessageId(uuid4()),
        conversation_id=conversation,
        channel=Channel.WEB_FORM,
        direction=Direction.INBOUND if author is Author.CUSTOMER else Direction.OUTBOUND,
        author=author,
        body=body,
        created_at=NOW,
    )


def context(
    *texts: str,
    channel: Channel = Channel.WEB_FORM,
    history: Sequence[StoredMessage] = (),
    state: ConversationState = ConversationState.OPEN,
    ticket_subject: str = "",
    category: Category = Category.GENERAL,
    priority: Priority = Priority.MEDIUM,
    customer_name: str = "Robin Miller",
    **more: Any,
) -> TurnContext:
    return TurnContext(
        customer_id=CustomerId(uuid4()),
        conversation_id=CONVERSATION,
        channel=channel,
        state=state,
        owner_epoch=0,
        identity=Identity(IdentifierKind.EMAIL, "robin@example.com", True, customer_name),
        customer_name=customer_name,
        plan="free",
        ticket=Ticket(TicketId("TF-20260302-0001"), TicketStatus.OPEN, category, priority, ticket_subject, NOW),
        burst=tuple(message(text) for text in (texts or ("How do I export a project?",))),
        history=tuple(history),
        **more,
    )


def scripted(*calls: Any) -> ScriptedModel:
    """A model whose n-th call answers with the n-th list of output items, or a single one."""
    return ScriptedModel([call if isinstance(call, list | ModelStep) else [call] for call in calls])


def says(text: str, kind: str = "answer", articles: Sequence[str] = ("projects/export",), call_id: str = "c1") -> Any:
    arguments = {"message": text, "kind": kind, "articles": list(articles)}
    return function_call("send_response", arguments, call_id=call_id)


def searches(query: str, call_id: str = "s1") -> Any:
    return function_call("search_knowledge_base", {"query": query}, call_id=call_id)


def hands_over(reason: str, summary: str = "please help", call_id: str = "e1") -> Any:
    return function_call("escalate_to_human", {"reason_code": reason, "summary": summary}, call_id=call_id)
