"""What an operator must see to in the channels, from what their loops have stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from agent.channel_health import Alarm, AlarmKind
from agent.records import Channel
from crm.database import Connection, Database
from crm.queries import load_queries

_QUERIES = load_queries("channel_states")
_RENEWED_WITHIN = timedelta(days=2)
"""The watch is renewed each day: two failures in a row are trouble, and leave five days to mend it."""
_UNPUSHED_SYNCS = 3
_SEARCHES_WITHIN = timedelta(hours=1)
_SEARCHES = 4
"""Two sends of which both searches found nothing: one may be a send that never arrived."""


@dataclass(frozen=True, slots=True)
class AlarmChange:
    """An alarm that began, or ended."""

    channel: Channel
    kind: AlarmKind
    began: bool


class ChannelAlarms:
    """For one mailbox and the channels beside it. Every method raises DatabaseAway."""

    def __init__(self, database: Database, mailbox: str, *, expects_pushes: bool) -> None:
        """`expects_pushes`: the mailbox's provider was asked to tell of new mail."""
        self._database = database
        self._mailbox = mailbox
        self._expects_pushes = expects_pushes

    async def fetch(self) -> list[Alarm]:
        """Those that there are now, by channel."""
        async with self._database.connection() as connection:
            return await self._fetch(connection)

    async def note(self) -> tuple[list[Alarm], list[AlarmChange]]:
        """Those that there are now, and what changed since somebody asked this last: each change is told once, to one
        of all who ask."""
        async with self._database.connection() as connection:
            alarms = await self._fetch(connection)
            rows = await connection.fetch(
                _QUERIES["note_alarms"], [each.channel.value for each in alarms], [each.kind.value for each in alarms]
            )
        changes = [AlarmChange(Channel(row["channel"]), AlarmKind(row["alarm"]), row["began"]) for row in rows]
        return alarms, changes

    async def _fetch(self, connection: Connection) -> list[Alarm]:
        rows = await connection.fetch(
            _QUERIES["fetch_alarms"],
            self._mailbox,
            self._expects_pushes,
            _RENEWED_WITHIN,
            _UNPUSHED_SYNCS,
            _SEARCHES_WITHIN,
            _SEARCHES,
        )
        return [_to_alarm(row) for row in rows]


def alarms_of(channel: Channel, alarms: Sequence[Alarm]) -> tuple[Alarm, ...]:
    return tuple(each for each in alarms if each.channel is channel)


def _to_alarm(row: asyncpg.Record) -> Alarm:
    kind = AlarmKind(row["alarm"])
    since: datetime | None = row["since"]
    return Alarm(Channel(row["channel"]), kind, _detail(kind, row), since)


def _detail(kind: AlarmKind, row: asyncpg.Record) -> str:
    match kind:
        case AlarmKind.NEEDS_REAUTH:
            return str(row["error"]) or "the provider no longer takes the credentials"
        case AlarmKind.WATCH_REFUSED:
            return str(row["watch_error"])
        case AlarmKind.WATCH_NOT_RENEWED:
            if row["watch_ended"]:
                return "Gmail does not tell of new mail any more; only the safety poll finds it"
            ends = f"{row['watch_expires_at']:%d %B}"
            return f"Gmail was not asked for days to go on telling of new mail, and stops on {ends}"
        case AlarmKind.PUSHES_MISSING:
            return f"the safety poll found mail {row['count']} times of which no push had told"
        case AlarmKind.SENDS_NOT_FOUND:
            return f"of sends without an answer, {row['count']} searches within the hour found nothing at the provider"
