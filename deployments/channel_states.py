"""How every channel stands: what the settings say of it, what the database shows, and what it knows of itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from agent.channel_health import ChannelMode, ChannelState
from agent.records import Channel
from crm.channel_alarms import ChannelAlarms, alarms_of
from crm.channel_states import fetch_traffic
from crm.database import Database

StateReader = Callable[[ChannelState], Awaitable[ChannelState]]
"""A channel's own part: takes what is known of every channel, and returns it with what only this one knows (until when
its provider notifies, whether somebody must sign in again). May raise DatabaseAway."""


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    """What the settings say. `credentials` maps each setting that the channel needs to whether it is set."""

    mode: ChannelMode
    credentials: Mapping[str, bool]


OFFLINE: Mapping[str, bool] = {"credentials": False}
"""The credentials of a provider of which nothing is known."""


class ChannelStates:
    """Reads all channels in one query, what must be seen to in another, and then what each adds."""

    def __init__(
        self,
        database: Database,
        facts: Mapping[Channel, ChannelFacts],
        readers: Mapping[Channel, StateReader] | None = None,
        alarms: ChannelAlarms | None = None,
    ) -> None:
        self._database = database
        self._alarms = alarms
        self._facts = facts
        self._readers = readers or {}

    async def fetch(self) -> list[ChannelState]:
        """In the channels' own order. Raises DatabaseAway."""
        traffic = await fetch_traffic(self._database)
        alarms = await self._alarms.fetch() if self._alarms else []
        states = []
        for channel, facts in self._facts.items():
            seen = traffic[channel]
            state = ChannelState(
                channel=channel,
                mode=facts.mode,
                credentials=facts.credentials,
                last_inbound_at=seen.last_inbound_at,
                last_outbound_at=seen.last_outbound_at,
                last_error=seen.last_error,
                last_error_at=seen.last_error_at,
                open_windows=seen.wrote_within_window,
                alarms=alarms_of(channel, alarms),
            )
            reader = self._readers.get(channel)
            states.append(state if reader is None else await reader(state))
        return states


def facts_of(*, gmail: Mapping[str, bool], twilio: Mapping[str, bool]) -> Mapping[Channel, ChannelFacts]:
    """The facts from which provider settings are set. Live is a channel that has all of what it needs."""
    return {
        Channel.EMAIL: ChannelFacts(_mode(gmail), gmail),
        Channel.WHATSAPP: ChannelFacts(_mode(twilio), twilio),
        Channel.WEB_FORM: ChannelFacts(ChannelMode.LIVE, {}),
    }


def _mode(credentials: Mapping[str, bool]) -> ChannelMode:
    return ChannelMode.LIVE if all(credentials.values()) else ChannelMode.OFFLINE
