"""What a customer is told who is handed to a person while nobody is there."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from agent.records import Channel
from agent.reply.absence import away_notice
from agent.service.hours import OpeningHours

BERLIN = OpeningHours(ZoneInfo("Europe/Berlin"), (((540, 1020),),) * 5 + ((),) * 2, frozenset({date(2026, 11, 24)}))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ("2026-11-23 10:00", ""),  # a Monday, 11:00 in Berlin
        ("2026-11-23 07:59", "Our team is back today at 09:00 (Europe/Berlin time)."),
        ("2026-11-22 23:30", "Our team is back today at 09:00 (Europe/Berlin time)."),  # Monday in Berlin
        ("2026-11-22 22:30", "Our team is back on Monday, 23 November, at 09:00 (Europe/Berlin time)."),
        # Tuesday is a holiday.
        ("2026-11-23 16:00", "Our team is back on Wednesday, 25 November, at 09:00 (Europe/Berlin time)."),
        # On Friday clocks still show winter time, on Monday summer time: nine o'clock it is.
        ("2026-03-27 20:00", "Our team is back on Monday, 30 March, at 09:00 (Europe/Berlin time)."),
        ("2026-03-30 07:00", ""),
    ],
)
def test_it_says_when_people_are_back(now: str, said: str) -> None:
    assert away_notice(BERLIN, at(now), Channel.EMAIL) == said


def test_whatsapp_is_shorter_and_zones_read_as_words() -> None:
    hours = OpeningHours(ZoneInfo("America/New_York"), (((540, 1020),),) * 7)
    assert away_notice(hours, at("2026-11-23 02:00"), Channel.WHATSAPP) == (
        "They're back on Monday, 23 November, at 09:00 (America/New York time)."
    )


def test_unknown_hours_promise_nothing() -> None:
    assert away_notice(None, at("2026-11-22 12:00"), Channel.EMAIL) == ""
