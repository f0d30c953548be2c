"""The running system as the tools' ports see it: its database, and the embedding model once somebody searches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from agent.errors import DatabaseAway, NotFound
from agent.mcp.ports import CustomerFile, Found, TicketFile
from agent.policy.rules import PolicyRules
from agent.records import (
    Category,
    ConversationId,
    CustomerId,
    EscalationRequest,
    EscalationStatus,
    Passage,
    Priority,
    TicketId,
)
from crm.articles import Articles
from crm.database import Database
from crm.desk import Desk
from crm.desk_views import ConversationView, DeskViews
from crm.escalations import EscalationLine, Escalations
from crm.knowledge import SearchMode
from crm.ticket_files import TicketFiles
from crm.work import DESK_CHANNEL, OUTBOX_CHANNEL, WORK_CHANNEL, WorkQueue
from models.sentiment import LexiconSentiment
from serve_app.knowledge import Query, Searcher
from serve_app.settings import Settings

_PASSAGES = 5
_LIVE = (EscalationStatus.OPEN, EscalationStatus.TAKEN)
_CONVERSATION = TypeAdapter(ConversationView)
_ESCALATIONS = TypeAdapter(list[EscalationLine])

AskChannels = Callable[[], Sequence[Mapping[str, Any]]]
"""How the channels stand, from the running system, which alone knows; blocks. Raises DependencyAway."""


class RunningSystem:
    """Implements agent.mcp.ports.SupportSystem and SupportShelf."""

    def __init__(self, settings: Settings, database: Database, rules: PolicyRules, ask_channels: AskChannels) -> None:
        self._settings = settings
        self._database = database
        self._rules = rules
        self._ask_channels = ask_channels
        self._desk = Desk(database)
        self._rehearsal = Desk(database, rehearses=True)
        self._files = TicketFiles(database)
        self._views = DeskViews(database)
        self._articles = Articles(database, settings.article_pages)
        self._escalations = Escalations(database)
        self._queue = WorkQueue(database)
        self._sentiment = LexiconSentiment()
        self._searcher: tuple[Searcher, float] | None = None
        self._loading = asyncio.Lock()

    async def open_ticket(self, ticket_id: TicketId) -> TicketFile:
        return await self._files.open_ticket(ticket_id)

    async def open_customer(self, customer_id: CustomerId) -> CustomerFile:
        return await self._files.open_customer(customer_id)

    async def search(self, query: str) -> Found:
        """Loads the embedding model the first time."""
        searcher, needed = await self._load_searcher()
        (passages,) = await searcher.search([Query(None, query)], _PASSAGES, lambda stage, done, total: None)
        return Found(passages, any(passage.similarity >= needed for passage in passages), needed)

    async def score(self, texts: Sequence[str]) -> list[float]:
        return await self._sentiment.score(texts)

    async def fetch_articles(self, slugs: Sequence[str]) -> list[Passage]:
        return await self._articles.fetch(slugs)

    async def correct_ticket(
        self,
        conversation_id: ConversationId,
        operator: str,
        *,
        subject: str | None,
        category: Category | None,
        priority: Priority | None,
        dry_run: bool,
    ) -> None:
        await self._door(dry_run).triage(conversation_id, operator, category, priority, subject)
        await self._wake(dry_run, DESK_CHANNEL)

    async def reply(self, ticket: TicketFile, operator: str, text: str, idempotency_key: str, *, dry_run: bool) -> None:
        await self._door(dry_run).reply(
            ticket.context.conversation_id, operator, text, idempotency_key, last_seen=ticket.last_message
        )
        await self._wake(dry_run, OUTBOX_CHANNEL, DESK_CHANNEL)

    async def hand_back(self, conversation_id: ConversationId, operator: str, note: str) -> None:
        await self._desk.hand_back(conversation_id, operator, note)
        await self._wake(False, WORK_CHANNEL, DESK_CHANNEL)

    async def escalate(
        self, conversation_id: ConversationId, operator: str, request: EscalationRequest, *, dry_run: bool
    ) -> None:
        await self._door(dry_run).escalate(conversation_id, operator, request)
        await self._wake(dry_run, WORK_CHANNEL, DESK_CHANNEL)

    async def read_conversation(self, conversation_id: str) -> Mapping[str, Any]:
        try:
            known = ConversationId(UUID(conversation_id))
        except ValueError:
            raise NotFound("no such conversation") from None
        view = await self._views.fetch_conversation(known)
        shown: Mapping[str, Any] = _CONVERSATION.dump_python(view, mode="json")
        return shown

    async def list_escalations(self) -> Sequence[Mapping[str, Any]]:
        lines = await self._escalations.fetch(None, _LIVE)
        shown: Sequence[Mapping[str, Any]] = _ESCALATIONS.dump_python(list(lines), mode="json")
        return shown

    async def list_channels(self) -> Sequence[Mapping[str, Any]]:
        return await asyncio.to_thread(self._ask_channels)

    async def list_articles(self) -> Sequence[Mapping[str, Any]]:
        return await self._articles.fetch_list()

    async def read_article(self, slug: str) -> str:
        (article,) = await self._articles.fetch([slug])
        return article.body

    def _door(self, dry_run: bool) -> Desk:
        return self._rehearsal if dry_run else self._desk

    async def _wake(self, dry_run: bool, *channels: str) -> None:
        """After the commit; what is lost in an outage the listeners' polls cover."""
        if dry_run:
            return
        with contextlib.suppress(DatabaseAway):
            for channel in channels:
                await self._queue.notify(channel)

    async def _load_searcher(self) -> tuple[Searcher, float]:
        """The search of the configured embedding model, and its cosine of a match."""
        async with self._loading:
            if self._searcher is None:
                from models.embedding import SentenceTransformerEmbedder  # loads torch, which most sessions never need

                model = await asyncio.to_thread(SentenceTransformerEmbedder, self._settings.embedding_model)
                models = self._rules.embedding_models
                needed = models.get(model.model_id, models["other"]).match
                self._searcher = Searcher(self._settings, self._database, model, SearchMode.HYBRID), needed
            return self._searcher
