"""What a customer is told who is handed to a person while nobody is there: when people are back."""

from __future__ import annotations

from datetime import datetime

from agent.records import Channel
from agent.service.hours import OpeningHours

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def away_notice(opening: OpeningHours | None, now: datetime, channel: Channel) -> str:
    """A sentence in the zone of those who answer; empty while they are there, and where their hours are not known."""
    if opening is None or opening.is_open(now):
        return ""
    back = opening.next_opening(now).astimezone(opening.zone)
    if back.date() == now.astimezone(opening.zone).date():
        day = "today"
    else:
        day = f"on {_DAYS[back.weekday()]}, {back.day} {_MONTHS[back.month - 1]},"
    when = f"{day} at {back:%H:%M} ({opening.zone.key.replace('_', ' ')} time)"
    return f"They're back {when}." if channel is Channel.WHATSAPP else f"Our team is back {when}."
