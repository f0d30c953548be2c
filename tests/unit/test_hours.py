"""Business time: spans of the day in a zone, holidays, and days on which clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.service.hours import OpeningHours, Span

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE: tuple[tuple[Span, ...], ...] = (((540, 1020),),) * 5 + ((),) * 2
WORKDAYS = OpeningHours(BERLIN, OFFICE)
ALWAYS = OpeningHours(BERLIN, (((0, 1440),),) * 7)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-23 08:59:59", False),  # a Monday
        ("2026-11-23 09:00", True),
        ("2026-11-23 16:59:59", True),
        ("2026-11-23 17:00", False),
        ("2026-11-22 12:00", False),
    ],
)
def test_it_is_open_from_the_first_moment_until_the_last(at: str, is_open: bool) -> None:
    assert WORKDAYS.is_open(berlin(at)) is is_open


def test_lunch_is_no_business_time() -> None:
    hours = OpeningHours(BERLIN, (((540, 720), (780, 1020)),) * 7)
    assert not hours.is_open(berlin("2026-11-23 12:30"))
    assert hours.after(berlin("2026-11-23 11:30"), timedelta(hours=1)) == berlin("2026-11-23 13:30")
    assert hours.before(berlin("2026-11-23 13:30"), timedelta(hours=1)) == berlin("2026-11-23 11:30")


def test_a_weekend_and_holidays_are_passed_over() -> None:
    hours = OpeningHours(BERLIN, OFFICE, frozenset({date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 28)}))
    wednesday = berlin("2026-12-23 16:30")
    assert hours.after(wednesday, timedelta(hours=1)) == berlin("2026-12-29 09:30")
    assert hours.next_opening(berlin("2026-12-23 17:00")) == berlin("2026-12-29 09:00")
    assert hours.before(berlin("2026-12-29 09:30"), timedelta(hours=1)) == wednesday


def test_while_people_are_there_the_next_opening_is_now() -> None:
    now = berlin("2026-11-23 10:00")
    assert WORKDAYS.next_opening(now) == now


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)])
def test_a_day_on_which_clocks_change_has_its_real_length(day: str, hours: int) -> None:
    midnight = berlin(f"{day} 00:00")
    next_day = midnight.date() + timedelta(days=1)
    assert ALWAYS.after(midnight, timedelta(hours=hours)) == berlin(f"{next_day} 00:00")


def test_opening_times_stay_local_when_clocks_change() -> None:
    assert WORKDAYS.next_opening(berlin("2026-03-27 18:00")).astimezone(UTC).hour == 7
    assert WORKDAYS.next_opening(berlin("2026-03-20 18:00")).astimezone(UTC).hour == 8


def test_a_span_that_clocks_skip_is_none() -> None:
    night = OpeningHours(BERLIN, (((120, 180),),) * 7)
    assert night.next_opening(berlin("2026-03-29 00:30")) == berlin("2026-03-30 02:00")
    # The hour comes twice in autumn: both of it, from its first coming to the end of its second.
    assert night.after(berlin("2026-10-25 00:30"), timedelta(hours=2)) == datetime(2026, 10, 25, 2, tzinfo=UTC)


def test_whoever_has_a_holiday_on_every_working_day_for_years_is_back_after_them() -> None:
    mondays = frozenset(date(2026, 1, 5) + timedelta(weeks=n) for n in range(366))
    hours = OpeningHours(BERLIN, (((540, 600),), *((),) * 6), mondays)
    assert hours.next_opening(berlin("2026-01-01 00:00")).astimezone(BERLIN).date() == max(mondays) + timedelta(weeks=1)


moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
lengths = st.timedeltas(timedelta(minutes=1), timedelta(days=5))


@given(at=moments, length=lengths, hours=st.sampled_from([WORKDAYS, ALWAYS]))
def test_before_undoes_after(at: datetime, length: timedelta, hours: OpeningHours) -> None:
    opening = hours.next_opening(at)
    assert hours.before(hours.after(opening, length), length) == opening
    assert hours.after(at, length) == hours.after(opening, length) >= at + length
