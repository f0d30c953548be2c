"""The system under test beside the model of it, driven step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from agent.errors import DatabaseAway, FteError
from agent.records import ConversationId, CustomerId
from agent.times import Times
from crm.audit import SentMessage, audit
from crm.work import WorkQueue
from tests.integration.machine.faults import Cut, FaultyDatabase, Hold, When
from tests.integration.machine.model import ConversationModel, Model, Operation, Outcome, WorkModel
from tests.integration.machine.slate import wipe

# No lease, pause or window ends by itself during an example: the machine moves the clocks.
TIMES = Times(
    lease_s=900,
    send_lease_s=900,
    statement_timeout_s=60,
    acquire_connection_s=60,
    backoff_first_s=300,
    backoff_cap_s=300,
    lookup_pause_s=300,
    crash_budget=2,
    message_budget=2,
    send_budget=3,
)
# Both kinds in one round trip: it is asked for after every step.
_STORED = """
SELECT customer_id, fence, lease_until IS NOT NULL AS leased, NULL::uuid AS conversation_id, NULL AS state,
    NULL AS owner, NULL::bigint AS owner_epoch, NULL::boolean AS opted_out
FROM work
UNION ALL
SELECT c.customer_id, NULL, NULL, c.conversation_id, c.state, c.owner, c.owner_epoch, i.opted_out_at IS NOT NULL
FROM conversations c JOIN customer_identifiers i USING (identifier_id)
"""


class World:
    """Owns a loop, so that synchronous rules can drive it."""

    def __init__(self, dsn: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._dsn = dsn
        self.first = FaultyDatabase(dsn, TIMES, "first")
        self.second = FaultyDatabase(dsn, TIMES, "second")
        # Its connection is new after each cut, and slow until it knows the statements again; the others keep theirs.
        self.doomed = FaultyDatabase(dsn, TIMES, "doomed")
        self.clean = FaultyDatabase(dsn, TIMES, "clean")
        self.side: asyncpg.Connection = self.do(asyncpg.connect(dsn))
        self.side_statement(
            "UPDATE channel_configs SET quiet_window_ms = 60000, quiet_cap_ms = 60000 WHERE channel = 'whatsapp'"
        )
        self.side_statement("UPDATE channel_configs SET also_by_mail = true WHERE channel = 'web_form'")
        self.model = Model()
        self._checked: object = None
        self._audited = True

    def close(self) -> None:
        for database in (self.first, self.second, self.doomed, self.clean):
            self.do(database.close())
        self.do(self.side.close())
        self._loop.close()

    def do(self, work: Awaitable[Any]) -> Any:
        return self._loop.run_until_complete(work)

    def begin_example(self) -> None:
        self.do(wipe(self.side))
        self.model = Model()
        self._checked = None

    def side_statement(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """What no part of the system does: look behind the scenes and move the clocks."""
        rows: list[asyncpg.Record] = self.do(self.side.fetch(sql, *arguments))
        return rows

    def play(self, operation: Operation | None, cut: Cut | None = None) -> None:
        """Run one operation. Cut, it raises DatabaseAway and the model looks where it got to; whole, it must do
        exactly what the model says."""
        self.doomed.begin(cut)
        if operation is None:
            return
        if cut is None:
            self.first.begin()
        outcome = self.do(_outcome_of(operation, self.doomed if cut else self.first))
        if self.doomed.fired:
            assert isinstance(outcome, DatabaseAway), f"a lost connection gave {outcome!r}"
            self.do(self._wait_until_gone(self.doomed))
            operation.absorb(outcome)
            if cut == Cut(0, When.BEFORE):
                self.compare()  # nothing ran
            else:
                self.observe()
            self.check()
            return
        assert not isinstance(outcome, DatabaseAway), f"the database was there all the time: {outcome!r}"
        operation.expect(outcome)
        operation.absorb(outcome)
        self.compare()
        self.check()

    def race(self, one: Operation | None, other: Operation | None, skip: int) -> None:
        """Stop `one` before a commit, run `other` until it ends or waits for it, then let both end."""
        if one is None or other is None:
            return
        outcomes = self.do(self._race(one, other, Hold(skip)))
        for operation, outcome in zip((one, other), outcomes, strict=True):
            assert not isinstance(outcome, DatabaseAway), f"two operations got in each other's way: {outcome!r}"
            operation.absorb(outcome)
        self.observe()
        self.check()

    async def _race(self, one: Operation, other: Operation, hold: Hold) -> tuple[Outcome, Outcome]:
        self.first.begin(hold=hold)
        self.second.begin()
        first = asyncio.ensure_future(_outcome_of(one, self.first))
        reached = asyncio.ensure_future(hold.reached.wait())
        await asyncio.wait({first, reached}, return_when=asyncio.FIRST_COMPLETED)
        reached.cancel()
        second = asyncio.ensure_future(_outcome_of(other, self.second))
        while not second.done() and not await self._waits(self.second):
            await asyncio.wait({second}, timeout=0.001)
        hold.released.set()
        return await first, await second

    async def _wait_until_gone(self, database: FaultyDatabase) -> None:
        """The server has seen that the connection is lost: what was not committed is undone, and holds no lock."""
        while await self.side.fetchval("SELECT count(*) FROM pg_stat_get_activity($1)", database.backend_pid):
            pass

    async def _waits(self, database: FaultyDatabase) -> bool:
        return bool(
            database.backend_pid is not None
            and await self.side.fetchval("SELECT cardinality(pg_blocking_pids($1)) > 0", database.backend_pid)
        )

    def observe(self) -> None:
        """Take what is stored for the model's truth: after a race or a lost answer nobody can know better."""
        model = self.model
        model.work, model.conversations = self._stored()
        rows = self.side_statement("SELECT provider_message_id FROM messages WHERE direction = 'inbound'")
        model.stored = {row[0] for row in rows}
        model.merged = {
            row[0] for row in self.side_statement("SELECT customer_id FROM customers WHERE merged_into IS NOT NULL")
        }

    def compare(self) -> None:
        """Whatever an operation did, it did what the model says and nothing else."""
        work, conversations = self._stored()
        assert work == self.model.work
        assert conversations == self.model.conversations

    def stored_conversations(self) -> dict[ConversationId, ConversationModel]:
        return self._stored()[1]

    def _stored(self) -> tuple[dict[CustomerId, WorkModel], dict[ConversationId, ConversationModel]]:
        work: dict[CustomerId, WorkModel] = {}
        conversations: dict[ConversationId, ConversationModel] = {}
        for row in self.side_statement(_STORED):
            if row["conversation_id"] is None:
                work[row["customer_id"]] = WorkModel(row["fence"], row["leased"])
            else:
                conversations[row["conversation_id"]] = ConversationModel(
                    row["customer_id"], row["state"], row["owner"], row["owner_epoch"], row["opted_out"]
                )
        return work, conversations

    @contextmanager
    def unaudited(self) -> Iterator[None]:
        """Compare with the model only: for steps that are not the point."""
        self._audited = False
        try:
            yield
        finally:
            self._audited = True

    def check(self, *, settled: bool = False) -> None:
        """The auditor is clean, and what was ended stays ended as it was."""
        if not settled and not self._audited:
            return
        # The server's next transaction id: while it stays, nothing was written since the last look.
        written = self.side_statement("SELECT pg_snapshot_xmax(pg_current_snapshot())")[0][0]
        if not settled and written == self._checked:
            return
        sent = [
            SentMessage.of(message, acknowledged=acknowledged) for message, acknowledged in self.model.sent.values()
        ]
        report = self.do(audit(self.clean, sent, settled=settled, complete=True, together=True))
        assert report.clean, str(report)
        rows = self.side_statement("SELECT message_id, outcome_id FROM messages WHERE outcome_id IS NOT NULL")
        ended = {row["message_id"]: row["outcome_id"] for row in rows}
        assert ended.items() >= self.model.ended.items()
        self.model.ended = ended
        self._checked = written

    def check_end(self) -> None:
        """Everything is done, the provider's books agree, and the order of arrival was kept."""
        self.check(settled=True)
        assert self.do(WorkQueue(self.clean).seconds_until_due()) is None
        rows = self.side_statement("SELECT send_token FROM outbox WHERE state = 'sent' OR refused_as IS NOT NULL")
        assert {row["send_token"] for row in rows} == set(self.model.delivered)
        for conversation_id, keys in self.model.arrivals.items():
            rows = self.side_statement(
                "SELECT provider_message_id FROM messages "
                "WHERE conversation_id = $1 AND provider_message_id = ANY ($2) ORDER BY seq",
                conversation_id,
                keys,
            )
            assert [row[0] for row in rows] == keys


async def _outcome_of(operation: Operation, database: FaultyDatabase) -> Outcome:
    try:
        return await operation.run(database)
    except FteError as error:
        return error
