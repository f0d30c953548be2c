"""The service rules of a channel as an operator writes them, checked once: every problem names its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agent.records import Channel, Plan, Priority, Severity
from agent.service.hours import HOLIDAYS_MAX, OpeningHours, Span

_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))$")
_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
ANY_PLAN = "*"


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _check_span(text: str) -> str:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError('must be a span of the day like "09:00-17:00"; the day ends at 24:00')
    start, end = _to_span(text)
    if start >= end:
        raise ValueError("must end after it begins; write a night as two spans, until 24:00 and from 00:00")
    return text


def _check_spans(spans: tuple[str, ...]) -> tuple[str, ...]:
    if any(_to_span(later)[0] < _to_span(earlier)[1] for earlier, later in pairwise(spans)):
        raise ValueError("must be in order and must not overlap")
    return spans


def _check_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # the last for a folder of zones, like "Europe"
        raise ValueError('must be a time zone of the IANA list, like "Europe/Berlin" or "UTC"') from None
    return name


def _to_span(text: str) -> Span:
    hours, minutes = zip(*(part.split(":") for part in text.split("-")), strict=True)
    return int(hours[0]) * 60 + int(minutes[0]), int(hours[1]) * 60 + int(minutes[1])


SpanText = Annotated[str, AfterValidator(_check_span)]
Minutes = Annotated[int, Field(ge=1, le=90 * 24 * 60)]


class BusinessHours(BaseModel):
    """When people answer on a channel. A weekday that is left out is a day off; so is every holiday."""

    model_config = _STRICT

    time_zone: Annotated[str, AfterValidator(_check_zone)]
    weekly: dict[Weekday, Annotated[tuple[SpanText, ...], Field(max_length=12), AfterValidator(_check_spans)]]
    holidays: Annotated[tuple[date, ...], Field(max_length=HOLIDAYS_MAX)] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not any(self.weekly.values()):
            raise ValueError("weekly must have at least one span: somebody must be there some time")
        return self

    @cached_property
    def opening(self) -> OpeningHours:
        weekly = tuple(tuple(_to_span(span) for span in self.weekly.get(day, ())) for day in Weekday)
        return OpeningHours(ZoneInfo(self.time_zone), weekly, frozenset(self.holidays))


def _check_response(by_plan: Mapping[str, Mapping[Priority, int]]) -> Mapping[str, Mapping[Priority, int]]:
    missing = [priority.value for priority in Priority if priority not in by_plan.get(ANY_PLAN, {})]
    if missing:
        raise ValueError(f'must have minutes for every priority under "*", any plan; missing: {", ".join(missing)}')
    return by_plan


ResponseMinutes = Annotated[dict[Plan | Literal["*"], dict[Priority, Minutes]], AfterValidator(_check_response)]
"""By plan ("*" for any that is not named), then by priority."""


class ServiceRules(BaseModel):
    """The rules of one channel. `expected_response` is the FTE's and real time; everything that waits for a person
    (`person_response`, `reminder_minutes` by severity) is business time."""

    model_config = _STRICT

    expected_response: ResponseMinutes
    person_response: ResponseMinutes
    business_hours: BusinessHours
    reminder_minutes: dict[Severity, Minutes]
    reminders_max: Annotated[int, Field(ge=0, le=1000)]
    """How often one escalation is raised again at most; 0 for never."""
    close_after_hours: Annotated[int, Field(ge=1, le=365 * 24)]
    """A conversation that is quiet for so long after our last word is assumed to be resolved."""
    unhappy_below: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
    """Below this sentiment a customer's last word keeps a conversation from being closed: a person looks instead."""
    survey: bool
    """Whether customers are asked if a resolved request is solved."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        missing = [severity.value for severity in Severity if severity not in self.reminder_minutes]
        if missing:
            raise ValueError(f"reminder_minutes must have every severity; missing: {', '.join(missing)}")
        return self

    def person_answers_at(self, since: datetime, plan: str, priority: Priority) -> datetime:
        """Until when a person should have answered a customer of this plan, who wrote at `since`. UTC."""
        return self.business_hours.opening.after(since, self._person_time(plan, priority))

    def _person_time(self, plan: str, priority: Priority) -> timedelta:
        by_priority: dict[str, dict[Priority, int]] = {str(key): value for key, value in self.person_response.items()}
        own = by_priority.get(plan, {}).get(priority)
        return timedelta(minutes=own if own is not None else by_priority[ANY_PLAN][priority])


class ChannelRules(BaseModel):
    """Rules by channel; a channel that is left out keeps its own."""

    model_config = _STRICT

    email: ServiceRules | None = None
    whatsapp: ServiceRules | None = None
    web_form: ServiceRules | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.by_channel():
            raise ValueError(f"must have the rules of a channel: {', '.join(Channel)}")
        return self

    def by_channel(self) -> dict[Channel, ServiceRules]:
        given = {channel: getattr(self, channel.value) for channel in Channel}
        return {channel: rules for channel, rules in given.items() if rules is not None}
