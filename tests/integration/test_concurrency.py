"""Real concurrency on few customers: senders, workers, couriers, people, merges, crashes and zombies, all at once."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from uuid import UUID

import pytest

from agent.errors import Conflict, FenceLost
from agent.records import (
    Channel,
    Claim,
    CommitStatus,
    ConversationId,
    CustomerId,
    FailureCause,
    IdentifierKind,
    Identity,
    InboundMessage,
    MergeId,
    OutboxItem,
    TurnContext,
)
from agent.times import Times
from crm.audit import SentMessage, audit
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.merge import merge_customers, undo_merge
from crm.outbox import Outbox
from crm.turns import PostgresTurns
from crm.work import WorkQueue
from tests.integration.machine.workers import decide

TIMES = Times(
    backoff_first_s=0.01,
    backoff_cap_s=0.02,
    lookup_pause_s=0.01,
    statement_timeout_s=120,
    acquire_connection_s=120,
    lease_s=300,
)
_MESSAGES = 30
_PEOPLE = 3
SEEDS = (1, 2, 3)


class Town:
    """A few customers and everyone who serves them; each role is a loop that `open_` ends."""

    def __init__(self, databases: list[Database], seed: int) -> None:
        self._databases = databases
        self.random = random.Random(seed)
        self.open_ = True
        self.sent: dict[str, InboundMessage] = {}
        self.conversations: set[ConversationId] = set()
        self.customers: set[CustomerId] = set()
        self.provider: set[str] = set()
        self._zombies: list[tuple[Claim, TurnContext]] = []

    def any_database(self) -> Database:
        return self.random.choice(self._databases)

    async def pause(self) -> None:
        """Lets the others run for a few turns of the loop."""
        for _ in range(self.random.randrange(12)):
            await asyncio.sleep(0)

    async def send(self, sender: int) -> None:
        """Every message twice, side by side, as a provider may."""
        for number in range(_MESSAGES):
            message = self._message(f"{sender}-{number}")
            self.sent[message.provider_message_id] = message
            accepted = await asyncio.gather(*(Inbox(self.any_database()).accept(message) for _ in range(2)))
            assert sorted(each.duplicate for each in accepted) == [False, True]
            self.conversations.add(accepted[0].conversation_id)
            self.customers.add(accepted[0].customer_id)
            await self.pause()

    def _message(self, key: str) -> InboundMessage:
        channel, who = self.random.choice(list(Channel)), self.random.randrange(_PEOPLE)
        phone, mail = f"+1555020{who}", f"person{who}@example.com"
        identity = {
            Channel.WHATSAPP: Identity(IdentifierKind.PHONE, phone, verified=True),
            Channel.EMAIL: Identity(IdentifierKind.EMAIL, mail, verified=True),
            Channel.WEB_FORM: Identity(IdentifierKind.EMAIL, mail, verified=False),
        }[channel]
        thread = phone if channel is Channel.WHATSAPP else f"{channel.value}-{who}-{self.random.randrange(2)}"
        return InboundMessage(channel, key, thread, identity, f"body of {key}")

    async def work(self) -> None:
        """Turns that end well, crash, fail, or come back as zombies."""
        while self.open_:
            database = self.any_database()
            turns = PostgresTurns(database)
            due = await WorkQueue(database).fetch_due(10)
            if not due:
                await asyncio.sleep(0.001)
                continue
            claim = await turns.claim(self.random.choice(due), "worker")
            if claim is not None:
                with suppress(FenceLost):
                    await self._turn(turns, claim)

    async def _turn(self, turns: PostgresTurns, claim: Claim) -> None:
        context = await turns.gather(claim)
        await self.pause()
        if context is None:
            await turns.release(claim)
            return
        fate = self.random.random()
        if fate < 0.1:
            self._zombies.append((claim, context))
        elif fate < 0.2:
            await turns.fail(claim, self.random.choice(list(FailureCause)), "broke")
        elif fate < 0.25:
            await turns.release(claim)
        else:
            status = await self._commit(turns, claim, context, allow_rerun=True)
            grown = await turns.gather(claim) if status is CommitStatus.NEWER_MESSAGES else None
            if grown is not None:
                await self._commit(turns, claim, grown, allow_rerun=False)

    async def _commit(
        self, turns: PostgresTurns, claim: Claim, context: TurnContext, *, allow_rerun: bool
    ) -> CommitStatus:
        decision = decide(context, escalating=self.random.random() < 0.1)
        return await turns.commit(claim, context, decision, allow_rerun=allow_rerun)

    async def resurrect(self) -> None:
        """Leases run out under the living too, and what was given up for dead commits after all."""
        while self.open_:
            await self.pause()
            async with self.any_database().connection() as connection:
                await connection.execute(
                    "UPDATE work SET lease_until = clock_timestamp() WHERE lease_until IS NOT NULL AND random() < 0.5"
                )
            if self._zombies:
                claim, context = self._zombies.pop(0)
                with suppress(FenceLost):
                    await self._commit(PostgresTurns(self.any_database()), claim, context, allow_rerun=False)

    async def interfere(self, operator: str) -> None:
        """A person who takes, answers, gives back and closes whatever they see."""
        while self.open_:
            await self.pause()
            if not self.conversations:
                continue
            desk, chosen = Desk(self.any_database()), self.random.choice(sorted(self.conversations))
            with suppress(Conflict):
                match self.random.randrange(4):
                    case 0:
                        await desk.take(chosen, operator)
                    case 1:
                        await desk.reply(chosen, operator, "I see to it.")
                    case 2:
                        await desk.hand_back(chosen, operator)
                    case _:
                        await desk.resolve(chosen, operator)

    async def merge(self) -> None:
        """Opposite merges of the same two, side by side: one of them wins at most."""
        for _ in range(4):
            while len(self.customers) < 2:
                await self.pause()
            one, other = self.random.sample(sorted(self.customers), 2)
            pairs = ((one, other), (other, one))
            merges = (merge_customers(self.any_database(), *pair, "test") for pair in pairs)
            ends = await asyncio.gather(*merges, return_exceptions=True)
            assert all(isinstance(end, UUID | Conflict) for end in ends), ends
            made = [end for end in ends if isinstance(end, UUID)]
            assert len(made) <= 1
            await self.pause()
            for merge in made:
                await self.maybe_undo(MergeId(merge))

    async def maybe_undo(self, merge: MergeId) -> None:
        """Half of the merges are taken back while everybody works on."""
        if self.random.random() < 0.5:
            undo = (undo_merge(self.any_database(), merge, "grace") for _ in range(2))
            ends = await asyncio.gather(*undo, return_exceptions=True)
            assert all(end is None or isinstance(end, Conflict) for end in ends), ends
            assert ends.count(None) <= 1

    async def deliver(self) -> None:
        """A courier that sometimes dies before it sends, and sometimes before it tells."""
        while self.open_:
            outbox = Outbox(self.any_database())
            items = await outbox.claim(4)
            for item in items:
                await self._deliver(outbox, item)
            if not items:
                await asyncio.sleep(0.001)

    async def _deliver(self, outbox: Outbox, item: OutboxItem) -> None:
        await self.pause()
        fate = self.random.random()
        if item.was_unknown and item.send_token not in self.provider:
            await outbox.record_not_found(item)
            return
        if not item.was_unknown and fate >= 0.2:
            assert item.send_token not in self.provider, "one reply was delivered twice"
            self.provider.add(item.send_token)
        if item.send_token in self.provider and fate < 0.8:
            await outbox.record_sent([(item, f"provider-{item.send_token}")])
        elif fate < 0.1:
            await outbox.record_retry(item, "503")
        else:  # it died, and its lease runs out
            async with self.any_database().connection() as connection:
                await connection.execute(
                    "UPDATE outbox SET lease_until = clock_timestamp() WHERE outbox_id = $1 AND state = 'sending'",
                    item.outbox_id,
                )

    async def wait_until_done(self) -> None:
        async with self._databases[0].connection() as connection:
            while await connection.fetchval(
                "SELECT EXISTS (SELECT FROM work WHERE due_at IS NOT NULL OR lease_until IS NOT NULL) "
                "OR EXISTS (SELECT FROM outbox WHERE finished_at IS NULL)"
            ):
                await self.pause()


@pytest.mark.parametrize("seed", SEEDS)
async def test_everyone_at_once_loses_doubles_and_reorders_nothing(database_url: str, seed: int) -> None:
    databases = [Database(database_url, TIMES, f"replica-{number}") for number in range(4)]
    async with databases[0].connection() as connection:
        await connection.execute("UPDATE channel_configs SET quiet_window_ms = 0, quiet_cap_ms = 0")
    town = Town(databases, seed)
    try:
        async with asyncio.timeout(900), asyncio.TaskGroup() as group:
            for role in (*(town.work() for _ in range(4)), *(town.deliver() for _ in range(2)), town.resurrect()):
                group.create_task(role)
            people = [group.create_task(town.interfere(operator)) for operator in ("grace", "linus")]
            await asyncio.gather(*(town.send(sender) for sender in range(3)), town.merge())
            for person in people:
                person.cancel()
            await town.wait_until_done()
            town.open_ = False
        sent = [SentMessage.of(message, acknowledged=True) for message in town.sent.values()]
        report = await audit(databases[0], sent, settled=True, complete=True)
        assert report.clean, str(report)
        async with databases[0].connection() as connection:
            rows = await connection.fetch("SELECT send_token FROM outbox WHERE state = 'sent'")
        assert {row["send_token"] for row in rows} == town.provider
    finally:
        for database in databases:
            await database.close()
