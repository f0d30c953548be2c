"""What came of it: everything that is wrong as sentences, and what each kill cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from agent.errors import DatabaseAway
from agent.records import Channel
from crm.audit import AuditReport, SentMessage, audit
from crm.database import Database
from crm.queries import load_queries
from load.chaos.customers import Conversation, Customers, Sent
from load.chaos.strikes import Kill

_QUERIES = load_queries("chaos", Path(__file__).resolve().parents[1] / "sql")
_LOOK_AGAIN_S = 0.2
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Stored:
    """An inbound message as Postgres has it. `ended_at` is its outcome's time, `delivered_at` its reply's."""

    provider_message_id: str
    seq: int
    ended_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one kill, until the next one: tries that failed, the longest that a sender waited for its 2xx, and the
    longest from the moment when a message was written to its reply."""

    kill: Kill
    failed_tries: int
    longest_ack_s: float
    longest_answer_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """`answered_after_s` is from the last kill until nothing was open; None when that did not come in time.
    `failed_tries` counts them by what came instead of a 2xx."""

    problems: tuple[str, ...]
    costs: tuple[Cost, ...]
    report: AuditReport
    answered_after_s: float | None
    failed_tries: Mapping[str, int]


async def wait_until_answered(database: Database, deadline: float) -> bool:
    """Whether every message has its outcome and every reply has left before `deadline` (monotonic)."""
    while True:
        try:
            async with database.connection() as connection:
                if await connection.fetchval(_QUERIES["count_open"]) == 0:
                    return True
        except DatabaseAway:
            pass
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_LOOK_AGAIN_S)


async def judge(
    database: Database, customers: Customers, kills: Sequence[Kill], answered_after_s: float | None, *, complete: bool
) -> Verdict:
    """Compare what was sent with what is stored. `complete` when nobody else ever wrote to this copy."""
    stored = await _fetch_stored(database, customers.conversations)
    sent = list(_to_sent(customers.conversations, stored))
    report = await audit(database, sent, settled=answered_after_s is not None, complete=complete)
    problems = [
        *report.findings,
        *_unacknowledged(customers.messages),
        *_disorder(customers.conversations, stored),
        *(f"{kill.kind} (process {kill.pid}) did not come back" for kill in kills if kill.back_s is None),
    ]
    if answered_after_s is None:
        problems.append("not everything was answered in time after the last kill")
    if dead := report.counts.get("outcome dead_letter"):
        problems.append(f"{dead} outcomes are dead letters, but no message was at fault")
    tries = Counter(each.reason for each in customers.failed_tries)
    return Verdict(tuple(problems), tuple(_costs(kills, customers, stored)), report, answered_after_s, tries)


def submit_key(conversation: Conversation) -> str:
    return f"submit:{conversation.messages[0].key}"


_Threads = Mapping[str, tuple[str, dict[str, Stored]]]
"""By submit key: the thread, and its messages by provider id."""


async def _fetch_stored(database: Database, conversations: Iterable[Conversation]) -> _Threads:
    async with database.connection() as connection:
        rows = await connection.fetch(_QUERIES["fetch_stored"], [submit_key(each) for each in conversations])
    threads: dict[str, tuple[str, dict[str, Stored]]] = {}
    for row in rows:
        _, messages = threads.setdefault(row["submit_key"], (row["thread_key"], {}))
        key = row["provider_message_id"]
        messages[key] = Stored(key, row["seq"], row["ended_at"], row["delivered_at"])
    return threads


def _provider_ids(conversation: Conversation, threads: _Threads) -> list[tuple[Sent, str]]:
    """The provider id of each message that can be stored: without its first nothing of a conversation is."""
    first = submit_key(conversation)
    thread_key = threads[first][0] if first in threads else ""
    ids = [(conversation.messages[0], first)]
    if thread_key:
        ids += [(message, f"write:{thread_key}:{message.key}") for message in conversation.messages[1:]]
    return ids


def _to_sent(conversations: Iterable[Conversation], threads: _Threads) -> Iterable[SentMessage]:
    for conversation in conversations:
        for message, provider_id in _provider_ids(conversation, threads):
            yield SentMessage(
                Channel.WEB_FORM,
                provider_id,
                message.body_sha256,
                acknowledged=message.acknowledged_at is not None,
                group=f"conversation {conversation.number}",
            )


def _unacknowledged(messages: Sequence[Sent]) -> list[str]:
    refused = [f"message {each.key} was refused with {each.refusal}" for each in messages if each.refusal]
    silent = [each for each in messages if each.acknowledged_at is None and not each.refusal]
    if silent:
        refused.append(f"{len(silent)} messages were never acknowledged, first {silent[0].key}")
    return refused[:_SHOWN]


def _disorder(conversations: Iterable[Conversation], threads: _Threads) -> list[str]:
    """A message that was sent after another's acknowledgement must be stored, and ended, after it."""
    problems = []
    for conversation in conversations:
        _, stored = threads.get(submit_key(conversation), ("", {}))
        row = [stored[key] for _, key in _provider_ids(conversation, threads) if key in stored]
        for earlier, later in pairwise(row):
            if later.seq <= earlier.seq:
                problems.append(
                    f"{later.provider_message_id} was sent after {earlier.provider_message_id}, stored before"
                )
            if earlier.ended_at and later.ended_at and later.ended_at < earlier.ended_at:
                problems.append(f"{later.provider_message_id} was ended before {earlier.provider_message_id}")
    return problems[:_SHOWN]


def _costs(kills: Sequence[Kill], customers: Customers, threads: _Threads) -> Iterable[Cost]:
    to_wall = time.time() - time.monotonic()
    lives: list[tuple[float, float, float]] = []
    for conversation in customers.conversations:
        _, stored = threads.get(submit_key(conversation), ("", {}))
        for message, key in _provider_ids(conversation, threads):
            row = stored.get(key)
            end = (row.delivered_at or row.ended_at) if row else None
            if message.acknowledged_at is not None and end is not None:
                lives.append((message.due_at, message.acknowledged_at, end.timestamp() - to_wall))
    for number, kill in enumerate(kills):
        until = kills[number + 1].at if number + 1 < len(kills) else float("inf")
        begun_by = kills[number - 1].at if number else 0.0
        # A message counts for the first kill in its life, or else for the last one before it.
        mine = [
            life
            for life in lives
            if (begun_by <= life[0] < kill.at < life[2]) or (kill.at <= life[0] < until and life[2] <= until)
        ]
        yield Cost(
            kill,
            sum(kill.at <= each.at < until for each in customers.failed_tries),
            max((acknowledged - due for due, acknowledged, _ in mine), default=0.0),
            max((end - due for due, _, end in mine), default=0.0),
        )
