"""In which order people look at what waits for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from agent.records import Channel, Priority, Severity
from agent.service.rules import ServiceRules
from agent.service.urgency import expected_by, urgency_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
RULES = {
    Channel.EMAIL: ServiceRules.model_validate_json(
        """{"expected_response": {"*": {"low": 5, "medium": 5, "high": 5, "urgent": 5}},
            "person_response": {"*": {"low": 960, "medium": 480, "high": 240, "urgent": 60},
                                "enterprise": {"urgent": 15}},
            "business_hours": {"time_zone": "UTC", "weekly": {"mon": ["09:00-17:00"], "fri": ["09:00-17:00"]}},
            "reminder_minutes": {"P1": 15, "P2": 60, "P3": 240}, "reminders_max": 3, "close_after_hours": 48,
            "unhappy_below": -0.3, "survey": false}"""
    )
}


@dataclass(frozen=True)
class Line:
    name: str
    severity: Severity = Severity.P2
    priority: Priority = Priority.HIGH
    waiting_since: datetime | None = NOW - timedelta(minutes=10)
    plan: str = "free"
    undelivered_at: datetime | None = None
    channel: Channel = Channel.EMAIL
    created_at: datetime = NOW - timedelta(hours=3)


def in_order(*lines: Line) -> list[str]:
    return [line.name for line in sorted(lines, key=lambda line: urgency_of(line, expected_by(line, RULES), NOW))]


FRESH = Line("fresh P2")
EMERGENCY = Line("emergency", Severity.P3, Priority.URGENT)
ORDINARY = Line("ordinary P3", Severity.P3, Priority.MEDIUM)


def test_an_emergency_of_a_low_severity_is_above_a_fresh_graver_one() -> None:
    assert in_order(FRESH, ORDINARY, EMERGENCY) == ["emergency", "fresh P2", "ordinary P3"]


def test_who_waits_past_the_expected_response_rises_a_step() -> None:
    overdue = replace(ORDINARY, name="overdue P3", waiting_since=NOW - timedelta(days=10))
    grave = Line("P1", Severity.P1, Priority.URGENT)
    assert in_order(FRESH, ORDINARY, overdue, grave) == ["P1", "overdue P3", "fresh P2", "ordinary P3"]


def test_among_equals_the_least_time_left_is_first() -> None:
    older = replace(FRESH, name="older", waiting_since=NOW - timedelta(minutes=30))
    better = replace(EMERGENCY, name="enterprise", plan="enterprise", waiting_since=NOW - timedelta(minutes=5))
    assert in_order(FRESH, older) == ["older", "fresh P2"]
    assert in_order(EMERGENCY, better) == ["enterprise", "emergency"]


def test_what_was_not_delivered_is_first_and_who_was_answered_last() -> None:
    failed = replace(ORDINARY, name="failed", undelivered_at=NOW)
    answered = Line("answered P1", Severity.P1, Priority.URGENT, waiting_since=None)
    assert in_order(answered, ORDINARY, failed) == ["failed", "ordinary P3", "answered P1"]


def test_what_is_expected_is_counted_in_business_time() -> None:
    friday = replace(FRESH, waiting_since=datetime(2026, 11, 20, 16, 0, tzinfo=UTC))
    assert expected_by(friday, RULES) == datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    assert expected_by(replace(friday, waiting_since=None), RULES) is None


def test_in_a_backlog_all_of_which_is_late_the_gravest_is_still_first() -> None:
    late = NOW - timedelta(days=10)
    lines = [
        Line(f"late {severity}", severity, Priority.HIGH, late + timedelta(days=2 - place))
        for place, severity in enumerate(Severity)
    ]
    steps = [urgency_of(line, expected_by(line, RULES), NOW) for line in lines]
    assert all(one < other for one, other in pairwise(steps))
