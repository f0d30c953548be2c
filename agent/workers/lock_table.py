"""Who holds which customer's lock and who waits for it: first come, first served, every hold on a lease.

The table has no clock and waits for nothing; a lock actor feeds it times and wakes whom it grants. It orders and
spares work; safety is the fence in Postgres.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum


class Answer(StrEnum):
    GRANTED = "granted"
    QUEUED = "queued"
    REFUSED = "refused"
    """Too many wait already: let Postgres alone decide."""


@dataclass(slots=True)
class _Entry:
    holder: str
    expires_at: float
    waiters: deque[str] = field(default_factory=deque)


class LockTable:
    """Times are seconds of one monotonic clock. Tokens are made by the clients and never used twice."""

    def __init__(
        self, lease_s: float, confirm_s: float, waiters_per_customer: int = 64, waiters_limit: int = 4096
    ) -> None:
        self._lease_s = lease_s
        self._confirm_s = confirm_s
        self._waiters_per_customer = waiters_per_customer
        self._waiters_limit = waiters_limit
        self._entries: dict[str, _Entry] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting(self) -> int:
        return self._waiting

    def request(self, customer: str, token: str, now: float) -> Answer:
        """Grant at once, or queue behind those who came before, ended holds too: call `expire` first.

        A grant must be renewed within confirm_s.
        """
        entry = self._entries.get(customer)
        if entry is None:
            self._entries[customer] = _Entry(token, now + self._confirm_s)
            return Answer.GRANTED
        if self._waiting >= self._waiters_limit or len(entry.waiters) >= self._waiters_per_customer:
            return Answer.REFUSED
        entry.waiters.append(token)
        self._waiting += 1
        return Answer.QUEUED

    def renew(self, customer: str, token: str, now: float) -> bool:
        """Extend the hold by a lease; False when `token` does not hold the lock any more."""
        entry = self._entries.get(customer)
        if entry is None or entry.holder != token or entry.expires_at <= now:
            return False
        entry.expires_at = now + self._lease_s
        return True

    def release(self, customer: str, token: str, now: float) -> str | None:
        """Give the lock or the place in the queue up; returns the token that holds the lock because of it."""
        entry = self._entries.get(customer)
        if entry is None:
            return None
        if entry.holder == token:
            return self._hand_over(customer, entry, now)
        if token in entry.waiters:
            entry.waiters.remove(token)
            self._waiting -= 1
        return None

    def expire(self, customer: str, now: float) -> str | None:
        """End a hold whose lease ran out; returns the token that holds the lock because of it."""
        entry = self._entries.get(customer)
        if entry is None or entry.expires_at > now:
            return None
        return self._hand_over(customer, entry, now)

    def expires_at(self, customer: str) -> float | None:
        """When somebody waits: the moment at which the hold before them ends unless it is renewed."""
        entry = self._entries.get(customer)
        return entry.expires_at if entry is not None and entry.waiters else None

    def forget_expired(self, now: float) -> None:
        """Drop ended holds for which nobody waits; those with waiters have their own alarm."""
        ended = [key for key, entry in self._entries.items() if entry.expires_at <= now and not entry.waiters]
        for customer in ended:
            del self._entries[customer]

    def _hand_over(self, customer: str, entry: _Entry, now: float) -> str | None:
        if not entry.waiters:
            del self._entries[customer]
            return None
        entry.holder = entry.waiters.popleft()
        entry.expires_at = now + self._confirm_s
        self._waiting -= 1
        return entry.holder
