"""Sample customers, tickets and conversations: the real turn and the real desk, in this process, then moved in time.

The language model is always the offline one: samples cost nothing, go to nobody, and end the same way each time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

from pydantic import SecretStr

from agent.errors import ConfigurationInvalid, Conflict, DependencyAway
from serve_app.samples import Conversation, Done, Written
from serve_app.settings import Settings

if TYPE_CHECKING:
    from agent.records import Accepted, Channel, ConversationId, InboundMessage, OutcomeKind
    from agent.turn.services import TurnServices
    from crm.database import Database
    from serve_app.knowledge import OnProgress

_HOLDER = "fte-seed"
_DELIVERY_S = 60.0
_LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class SeedReport:
    """How many conversations were written now, were there before, and were removed first. `otherwise` names the
    messages that ended in another way than the samples say, as other articles can make them."""

    written: int
    present: int
    removed: int
    otherwise: tuple[str, ...]


def check_may_seed(settings: Settings) -> None:
    """Raises ConfigurationInvalid where samples would stand among customers, or be sent to someone."""
    if settings.environment == "production":
        raise ConfigurationInvalid("sample customers do not belong into production; ENVIRONMENT must be another one")
    if settings.twilio_account_sid or settings.gmail_credentials_path:
        raise ConfigurationInvalid(
            "answers to sample customers must not leave through a provider; "
            "seed without TWILIO_ACCOUNT_SID and GMAIL_CREDENTIALS_PATH"
        )


async def seed(
    settings: Settings, conversations: Sequence[Conversation], *, reset: bool, on_progress: OnProgress
) -> SeedReport:
    """Write the conversations that are not there yet; with `reset`, remove the sample customers first.

    Raises ConfigurationInvalid as `check_may_seed` and without knowledge to answer from, Conflict when an earlier run
    was interrupted or another one is at work, DependencyAway.
    """
    from crm.database import Database
    from crm.samples import Samples

    check_may_seed(settings)
    settings = settings.model_copy(update={"times": settings.times.unhurried(), "openai_api_key": SecretStr("")})
    database = Database(settings.dsn(), settings.times, "fte-seed")
    try:
        samples = Samples(database)
        async with samples.only_one():
            keys = [
                (message.channel, message.provider_message_id)
                for each in conversations
                for burst in each.messages()
                for message in burst
            ]
            removed = await samples.remove(keys) if reset else 0
            stored = await samples.fetch_stored(keys)
            missing = [each for each in conversations if not _is_whole(each, stored)]
            otherwise = await _write(settings, database, missing, on_progress) if missing else []
    finally:
        await database.close()
    return SeedReport(len(missing), len(conversations) - len(missing), removed, tuple(otherwise))


def _is_whole(conversation: Conversation, stored: dict[tuple[Channel, str], bool]) -> bool:
    """Raises Conflict for one that is there in part."""
    moved = [
        stored.get((message.channel, message.provider_message_id))
        for burst in conversation.messages()
        for message in burst
    ]
    if any(state is not None for state in moved) and not all(moved):
        raise Conflict("an earlier `fte seed` was interrupted; run `fte seed --reset`")
    return all(moved)


async def _write(
    settings: Settings, database: Database, conversations: Sequence[Conversation], on_progress: OnProgress
) -> list[str]:
    from crm.metrics import Metrics
    from crm.samples import Samples
    from serve_app.in_process import open_in_process

    if not (await Metrics(database).fetch_health()).articles:
        raise ConfigurationInvalid("there is no knowledge to answer from; start `fte up` once, or run `fte kb sync`")
    on_progress("loading models", 0, 1)
    otherwise: list[str] = []
    async with open_in_process(settings, database=database) as core:
        on_progress("loading models", 1, 1)
        now = await Samples(database).read_clock()
        for done, conversation in enumerate(conversations):
            on_progress("writing conversations", done, len(conversations))
            otherwise += await _Writer(database, core.services, conversation, now).write()
    on_progress("writing conversations", len(conversations), len(conversations))
    return otherwise


class _Writer:
    """Writes one conversation, step by step, and moves it into the past."""

    def __init__(self, database: Database, services: TurnServices, conversation: Conversation, now: datetime) -> None:
        from channels.stored import StoredSender
        from crm.desk import Desk
        from crm.metrics import Metrics
        from crm.outbox import Outbox
        from crm.samples import Samples

        self._database = database
        self._services = services
        self._conversation = conversation
        self._now = now
        self._samples = Samples(database)
        self._metrics = Metrics(database)
        self._desk = Desk(database)
        self._outbox = Outbox(database)
        self._sender = StoredSender("sample")

    async def write(self) -> list[str]:
        """The ids of messages that ended in another way than the samples say."""
        from crm.samples import Moment

        bursts = iter(self._conversation.messages())
        moments: list[Moment] = []
        otherwise: list[str] = []
        accepted: Accepted | None = None
        for step in self._conversation.steps:
            target = self._now - timedelta(minutes=step.minutes_ago)
            moments.append(Moment(await self._samples.read_clock(), target))
            if isinstance(step, Written):
                burst = next(bursts)
                accepted, outcome = await self._answer(burst)
                if self._conversation.plan is not None:
                    await self._desk.assign_plan(accepted.customer_id, self._conversation.plan)
                if outcome is not step.outcome:
                    otherwise.append(burst[0].provider_message_id)
            else:
                assert accepted is not None, "the customer writes first"
                await self._work(step, accepted.conversation_id, idempotency_key=f"{len(moments)}")
            await self._deliver(accepted.conversation_id)
        assert accepted is not None, "a conversation has a step"
        await self._samples.move_times(accepted.conversation_id, moments)
        return otherwise

    async def _answer(self, burst: Sequence[InboundMessage]) -> tuple[Accepted, OutcomeKind | None]:
        from agent.workers.turn_worker import TurnWorker, WorkStatus
        from crm.samples import ClaimedTurns

        began = time.perf_counter()
        accepted, claim = await self._samples.accept_and_claim(burst, _HOLDER)
        ack_ms = (time.perf_counter() - began) * 1000 / len(burst)
        await self._metrics.record_acks([(message.channel, ack_ms) for message in burst])
        store = ClaimedTurns(self._database, claim)
        worker = TurnWorker(store, None, self._services, self._database.times, _HOLDER)
        result = await worker.process(accepted.customer_id)
        if result.status is not WorkStatus.COMMITTED:
            raise DependencyAway(
                f"the sample {self._conversation.key} was not answered ({result.status}); run `fte seed --reset`"
            )
        return accepted, result.outcome

    async def _work(self, step: Done, conversation_id: ConversationId, idempotency_key: str) -> None:
        match step.does:
            case "take":
                await self._desk.take(conversation_id, step.operator)
            case "reply":
                await self._desk.reply(conversation_id, step.operator, step.text, idempotency_key)
            case "hand_back":
                await self._desk.hand_back(conversation_id, step.operator, step.text)
            case "resolve":
                await self._desk.resolve(conversation_id, step.operator, step.text)
            case _:
                assert_never(step.does)

    async def _deliver(self, conversation_id: ConversationId) -> None:
        """Do as the courier does, or wait for it where a running system's was first. Raises DependencyAway."""
        try:
            async with asyncio.timeout(_DELIVERY_S):
                while await self._samples.has_undelivered(conversation_id):
                    items = await self._outbox.claim(limit=32)
                    if items:
                        await self._outbox.record_sent([(item, await self._sender.send(item)) for item in items])
                    else:
                        await asyncio.sleep(_LOOK_EVERY_S)
        except TimeoutError as error:
            raise DependencyAway(
                f"replies of the sample {self._conversation.key} were not delivered; run `fte seed --reset`"
            ) from error
