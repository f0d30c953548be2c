"""What an operator may write as service rules, and that a mistake is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from agent.records import Channel, Priority
from agent.service.rules import ChannelRules, ServiceRules

MINUTES = {"low": 60, "medium": 30, "high": 10, "urgent": 5}
RULES: dict[str, Any] = {
    "expected_response": {"*": MINUTES},
    "person_response": {"*": {"low": 960, "medium": 480, "high": 240, "urgent": 60}, "enterprise": {"urgent": 15}},
    "business_hours": {
        "time_zone": "Europe/Berlin",
        "weekly": {"mon": ["09:00-12:00", "13:00-24:00"], "tue": ["00:00-24:00"]},
        "holidays": ["2026-12-25"],
    },
    "reminder_minutes": {"P1": 15, "P2": 60, "P3": 240},
    "reminders_max": 10,
    "close_after_hours": 48,
    "unhappy_below": -0.3,
    "survey": True,
}


def parse(rules: dict[str, Any]) -> ServiceRules:
    return ServiceRules.model_validate_json(json.dumps(rules))


def test_rules_survive_a_round_trip() -> None:
    rules = parse(RULES)
    assert ServiceRules.model_validate_json(rules.model_dump_json()) == rules
    assert json.loads(rules.model_dump_json()) == RULES


def test_a_plan_that_is_named_comes_before_any_plan() -> None:
    rules = parse(RULES)
    monday = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)  # 9:30 in Berlin
    assert rules.person_answers_at(monday, "enterprise", Priority.URGENT) == monday + timedelta(minutes=15)
    assert rules.person_answers_at(monday, "free", Priority.URGENT) == monday + timedelta(minutes=60)
    # Sixteen hours, with a lunch of one.
    assert rules.person_answers_at(monday, "enterprise", Priority.LOW) == monday + timedelta(hours=17)


def test_the_days_left_out_are_days_off() -> None:
    opening = parse(RULES).business_hours.opening
    assert opening.weekly == (((540, 720), (780, 1440)), ((0, 1440),), (), (), (), (), ())


def changed(*path: str | int, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(rules: dict[str, Any]) -> None:
        inner: Any = rules
        for key in path[:-1]:
            inner = inner[key]
        if to is ...:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        (changed("business_hours", "time_zone", to="Berlin"), "business_hours.time_zone", "IANA"),
        (changed("business_hours", "time_zone", to="Europe"), "business_hours.time_zone", "IANA"),
        (changed("business_hours", "time_zone", to="../UTC"), "business_hours.time_zone", "IANA"),
        (changed("business_hours", "time_zone", to=""), "business_hours.time_zone", "IANA"),
        (changed("business_hours", "weekly", "mon", to=["9-17"]), "business_hours.weekly.mon.0", "09:00-17:00"),
        (changed("business_hours", "weekly", "mon", to=["17:00-09:00"]), "business_hours.weekly.mon.0", "two spans"),
        (changed("business_hours", "weekly", "mon", to=["09:00-24:30"]), "business_hours.weekly.mon.0", "24:00"),
        (
            changed("business_hours", "weekly", "mon", to=["09:00-12:00", "11:00-13:00"]),
            "business_hours.weekly.mon",
            "overlap",
        ),
        (changed("business_hours", "weekly", to={"mon": []}), "business_hours", "at least one span"),
        (changed("business_hours", "weekly", to={"monday": ["09:00-17:00"]}), "weekly.monday", "mon"),
        (changed("business_hours", "holidays", to=["25.12.2026"]), "business_hours.holidays.0", "date"),
        (changed("person_response", "*", "low", to=...), "person_response", "missing: low"),
        (changed("person_response", "*", "low", to=0), "person_response.*.low", "greater"),
        (changed("person_response", "*", "low", to="60"), "person_response.*.low", "integer"),
        (changed("expected_response", "gold", to=MINUTES), "expected_response.gold", "enterprise"),
        (changed("reminder_minutes", "P1", to=...), "", "missing: P1"),
        (changed("close_after_hours", to=0), "close_after_hours", "greater"),
        (changed("unhappy_below", to=-2), "unhappy_below", "greater"),
        (changed("survey", to="yes"), "survey", "boolean"),
        (changed("surveys", to=True), "surveys", "Extra"),
        (changed("survey", to=...), "survey", "required"),
    ],
)
def test_a_mistake_names_its_field(change: Callable[[dict[str, Any]], None], field: str, problem: str) -> None:
    rules = copy.deepcopy(RULES)
    change(rules)
    with pytest.raises(ValidationError) as caught:
        parse(rules)
    (first, *_) = caught.value.errors()
    assert field in ".".join(map(str, first["loc"]))
    assert problem in first["msg"]


def test_rules_are_given_by_channel_and_for_one_at_least() -> None:
    rules = ChannelRules.model_validate_json(json.dumps({"whatsapp": RULES}))
    assert rules.by_channel() == {Channel.WHATSAPP: parse(RULES)}
    with pytest.raises(ValidationError, match="rules of a channel"):
        ChannelRules.model_validate_json("{}")
