"""How the e-mail channel stands, from its mailbox's row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from agent.channel_health import ChannelMode, ChannelState
from crm.mailboxes import Mailboxes


def mail_state_reader(mailboxes: Mailboxes, mailbox: str) -> Callable[[ChannelState], Awaitable[ChannelState]]:
    """Adds to what is known of every channel what only the mailbox's row knows."""

    async def read(state: ChannelState) -> ChannelState:
        row = next((each for each in await mailboxes.fetch_states() if each.mailbox == mailbox), None)
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
