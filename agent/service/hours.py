"""Business time: when people are there, and how far a length of their time reaches.

Days and times are local to the zone; lengths are real time, so a day on which clocks change has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agent.records import Channel

HOLIDAYS_MAX = 366
DAY_MINUTES = 24 * 60
# Whoever works one day a week and has every holiday on it is back within this.
_DAYS_MAX = 7 * (HOLIDAYS_MAX + 1)

Span = tuple[int, int]
"""From and until, in minutes since the local midnight; 1440 is the end of the day."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """`weekly` holds the spans of Monday to Sunday, in order and apart from each other; at least one in all."""

    zone: ZoneInfo
    weekly: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date] = frozenset()

    def is_open(self, at: datetime) -> bool:
        return any(start <= at < end for start, end in self._spans(self._day(at)))

    def next_opening(self, at: datetime) -> datetime:
        """When people are there: `at` itself while they are. UTC."""
        return self.after(at, timedelta())

    def after(self, at: datetime, length: timedelta) -> datetime:
        """The first moment at which `length` of business time has passed since `at`. UTC."""
        left = length
        for offset in range(_DAYS_MAX):
            for start, end in self._spans(self._day(at) + timedelta(days=offset)):
                begin = max(start, at)
                if begin < end:
                    if left <= end - begin:
                        return begin + left
                    left -= end - begin
        return at.astimezone(UTC) + timedelta(days=_DAYS_MAX)

    def before(self, at: datetime, length: timedelta) -> datetime:
        """The last moment from which `length` of business time has passed until `at`. UTC."""
        left = length
        for offset in range(_DAYS_MAX):
            for start, end in reversed([*self._spans(self._day(at) - timedelta(days=offset))]):
                until = min(end, at)
                if start < until:
                    if left <= until - start:
                        return until - left
                    left -= until - start
        return at.astimezone(UTC) - timedelta(days=_DAYS_MAX)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The spans of a local day, in UTC; one that a change of clocks swallows is left out."""
        if day in self.holidays:
            return
        for start, end in self.weekly[day.weekday()]:
            begin, finish = self._moment(day, start), self._moment(day, end)
            if begin < finish:
                yield begin, finish

    def _moment(self, day: date, minutes: int) -> datetime:
        # A local time that clocks skip is taken as if they had not yet; one that comes twice, the first time (PEP 495).
        days, rest = divmod(minutes, DAY_MINUTES)
        local = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), self.zone)
        return local.astimezone(UTC)


HoursOf = Callable[[Channel], Awaitable[OpeningHours | None]]
"""When people answer on a channel, None where that is not known. May raise DependencyAway."""


async def no_hours(_: Channel) -> OpeningHours | None:
    """Nobody knows: no acknowledgement says when people are back."""
    return None
