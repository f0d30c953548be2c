"""In which order people should look at what waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agent.records import Channel, Priority, Severity
from agent.service.rules import ServiceRules


class Waiting(Protocol):
    """What an escalation says about its urgency; times are UTC."""

    @property
    def channel(self) -> Channel: ...
    @property
    def plan(self) -> str: ...
    @property
    def priority(self) -> Priority: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def waiting_since(self) -> datetime | None: ...
    @property
    def undelivered_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True, order=True)
class Urgency:
    """Sorts what is to be looked at first to the front.

    What could not be delivered; then who waits, before who was answered. Among these the gravest, where an urgent
    ticket counts one step graver than its severity and so does a customer who waits past the expected response, so that
    what is grave comes first and nothing else sinks for ever; then by the time left to that response.
    """

    delivered: bool
    answered: bool
    step: int
    due_at: datetime


def urgency_of(line: Waiting, due_at: datetime | None, now: datetime) -> Urgency:
    """`due_at` is as `expected_by` says."""
    overdue = due_at is not None and due_at <= now
    step = list(Severity).index(line.severity) - (line.priority is Priority.URGENT) - overdue
    return Urgency(line.undelivered_at is None, line.waiting_since is None, step, due_at or line.created_at)


def expected_by(line: Waiting, rules: Mapping[Channel, ServiceRules]) -> datetime | None:
    """Until when a person should have answered who waits, by the service rules of the channel, the plan and the
    priority; None for who was answered."""
    if line.waiting_since is None:
        return None
    return rules[line.channel].person_answers_at(line.waiting_since, line.plan, line.priority)
