"""How the e-mail channel stands, from its mailbox's row: for `fte channels`, and as a part of the system's health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from agent.channel_health import AlarmKind, ChannelMode, ChannelState
from agent.errors import ChannelTroubled, NeedsReauth
from agent.mail_records import MailboxState
from channels.gmail.local import address_of
from crm.channel_alarms import ChannelAlarms
from crm.database import Database
from crm.mailboxes import Mailboxes
from deployments.startup import ReplicaSettings


def mail_state_reader(mailboxes: Mailboxes, mailbox: str) -> Callable[[ChannelState], Awaitable[ChannelState]]:
    """Adds to what is known of every channel what only the mailbox's row knows."""

    async def read(state: ChannelState) -> ChannelState:
        row = await _fetch_state(mailboxes, mailbox)
        if row is None:
            return state
        return replace(
            state,
            mode=ChannelMode(row.mode),
            watch_expires_at=row.watch_expires_at,
            last_error=row.error or state.last_error,
            last_error_at=row.error_at if row.error else state.last_error_at,
        )

    return read


def mailbox_probe(mailboxes: Mailboxes, mailbox: str) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """Raises NeedsReauth when mail waits for somebody to authorise the mailbox anew."""

    async def probe() -> Mapping[str, Any]:
        row = await _fetch_state(mailboxes, mailbox)
        if row is None:
            return {"mode": "not connected yet"}
        if row.mode == ChannelMode.NEEDS_REAUTH:
            raise NeedsReauth(row.error)
        return {"mode": row.mode, "synced_at": row.synced_at, "watch_expires_at": row.watch_expires_at}

    return probe


def alarms_over(settings: ReplicaSettings, database: Database) -> ChannelAlarms:
    """What must be seen to in the channels that these settings connect."""
    expects_pushes = bool(settings.gmail_credentials_path and settings.gmail_pubsub_topic)
    return ChannelAlarms(database, address_of(settings.gmail_mailbox), expects_pushes=expects_pushes)


def alarm_probe(alarms: ChannelAlarms) -> Callable[[], Awaitable[Mapping[str, Any]]]:
    """Raises ChannelTroubled when an operator must see to a channel, but for what mailbox_probe says."""

    async def probe() -> Mapping[str, Any]:
        found = [each for each in await alarms.fetch() if each.kind is not AlarmKind.NEEDS_REAUTH]
        if found:
            raise ChannelTroubled("; ".join(each.sentence for each in found))
        return {"alarms": 0}

    return probe


async def _fetch_state(mailboxes: Mailboxes, mailbox: str) -> MailboxState | None:
    return next((each for each in await mailboxes.fetch_states() if each.mailbox == mailbox), None)
