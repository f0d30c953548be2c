"""The one auditor: compares what senders say they sent with what is stored, and what is stored with the invariants.

Tests, load runs and chaos runs share it. It reads one snapshot, so it may run beside a live system.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from agent.records import Channel, InboundMessage
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("audit")
_TIME_LIMIT_S = 120
# Beyond this many of one kind, one more tells nothing new.
_SHOWN = 20
# asyncpg keeps no longer one prepared.
_STATEMENT_MAX = 15_000


@dataclass(frozen=True, slots=True)
class SentMessage:
    """What a sender knows of one message. `key` is the provider's id for it.

    `acknowledged` when the sender saw a 2xx; without it the message may or may not be stored. Messages of one
    `group` belong to one thread and to no other; empty when the sender cannot know.
    """

    channel: Channel
    key: str
    body_sha256: bytes
    acknowledged: bool
    group: str = ""

    @classmethod
    def of(cls, message: InboundMessage, *, acknowledged: bool) -> SentMessage:
        return cls(
            message.channel, message.provider_message_id, digest_body(message.body), acknowledged, message.thread_key
        )


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`findings` are sentences with ids, none when all is well; `counts` say how much was looked at."""

    findings: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def clean(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        counts = ", ".join(f"{what} {number}" for what, number in sorted(self.counts.items()))
        return "\n".join([f"{len(self.findings)} findings ({counts})", *self.findings])


def digest_body(body: str) -> bytes:
    """SHA-256 of the body as it is stored, in UTF-8."""
    return hashlib.sha256(body.encode()).digest()


async def audit(
    database: Database,
    sent: Iterable[SentMessage],
    *,
    settled: bool,
    complete: bool = False,
    together: bool = False,
) -> AuditReport:
    """Check every invariant that the database can show.

    With `settled`, all work must be done and all sends ended. With `complete`, `sent` is all that was ever sent,
    so that anything else stored is a finding. `together` asks many checks in one statement, which is faster where
    little is stored and audited often; one time limit then counts for them all. Raises DatabaseAway.
    """
    columns = _to_columns(list(sent))
    findings: list[str] = []
    async with (
        database.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_QUERIES["set_time_limit"], f"{_TIME_LIMIT_S}s")
        names = [name for name in _QUERIES if _applies(name, settled=settled, complete=complete)]
        for name in names:
            if name.startswith("compare_"):
                findings += await _find(connection, name, columns)
            elif not together:
                findings += await _find(connection, name, ())
        if together:
            for statement in _together(tuple(name for name in names if not name.startswith("compare_"))):
                rows = await connection.fetch(statement, timeout=_TIME_LIMIT_S)
                findings += [row["finding"] for row in rows]
        rows = await connection.fetch(_QUERIES["count_stored"], timeout=_TIME_LIMIT_S)
    counts = {row["what"]: row["number"] for row in rows} | {
        "sent": len(columns[0]),
        "acknowledged": sum(columns[4]),
    }
    return AuditReport(tuple(findings), MappingProxyType(counts))


@cache
def _together(names: tuple[str, ...]) -> tuple[str, ...]:
    """The checks as a few statements, each short enough for a driver to keep it prepared."""
    statements: list[str] = []
    for name in names:
        check = f"SELECT finding FROM (\n{_QUERIES[name]}\n) AS {name}"  # noqa: S608 - blocks of audit.sql by their names
        if statements and len(statements[-1]) + len(check) < _STATEMENT_MAX:
            statements[-1] += f"\nUNION ALL\n{check}"
        else:
            statements.append(check)
    return tuple(statements)


def _applies(name: str, *, settled: bool, complete: bool) -> bool:
    if name == "compare_unsent":
        return complete
    return name.startswith(("compare_", "find_")) or (settled and name.startswith("settled_"))


async def _find(connection: Connection, name: str, arguments: tuple[Any, ...]) -> list[str]:
    rows = await connection.fetch(_QUERIES[name], *arguments, timeout=_TIME_LIMIT_S)
    sentences = [row["finding"] for row in rows[:_SHOWN]]
    if len(rows) > _SHOWN:
        sentences.append(f"{len(rows) - _SHOWN} more findings of {name}")
    return sentences


def _to_columns(sent: list[SentMessage]) -> tuple[list[str], list[str], list[bytes], list[str], list[bool]]:
    return (
        [message.channel.value for message in sent],
        [message.key for message in sent],
        [message.body_sha256 for message in sent],
        [message.group for message in sent],
        [message.acknowledged for message in sent],
    )
