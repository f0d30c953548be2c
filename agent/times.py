"""Every time of the system in one table, with the inequalities that make them fit together.

docs/architecture.md shows this table; a test keeps both equal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from agent.errors import ConfigurationInvalid


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, unless the name says otherwise."""

    lock_deadline_s: float = 0.5
    """How long a turn waits for its lock actor before Postgres alone decides."""
    lock_lease_s: float = 10.0
    """How long a lock actor's grant lives without a renewal."""
    lock_confirm_s: float = 6.0
    """How long a grant lives that its holder has not renewed yet; most turns end before the first renewal."""
    lease_s: float = 10.0
    """How long a claim of a work row lives without a heartbeat."""
    heartbeat_s: float = 2.5
    """How often a running turn renews its lease."""
    rerun_cap_s: float = 10.0
    """After this time from a burst's first message no newer message causes a re-run."""
    turn_timeout_s: float = 60.0
    """A turn that takes longer is given back as a fault of the message."""
    model_timeout_s: float = 30.0
    """One request to the language model; a turn's calls have half as much again together."""
    model_retries: int = 3
    """Requests after the first that a call may make of a language model that is busy or broken."""
    model_backoff_s: float = 0.5
    """First pause between them; doubles, and a longer Retry-After counts."""
    breaker_failures: int = 5
    """Failed calls of the language model in a row before a replica leaves it alone."""
    breaker_rest_s: float = 30.0
    """For how long; then one call tries whether it answers again."""
    embed_timeout_s: float = 5.0
    """One embedding call."""
    backoff_first_s: float = 0.5
    """First pause after a failure; doubles up to backoff_cap_s."""
    backoff_cap_s: float = 15.0
    """Longest pause between attempts at one customer's work."""
    crash_budget: int = 6
    """Crashes of a turn (leases that expired) before its burst is dead-lettered."""
    message_budget: int = 3
    """Faults of the message itself before its burst is dead-lettered."""
    send_lease_s: float = 15.0
    """How long a courier's lease of an outbox row lives; expired `sending` becomes `unknown`."""
    send_timeout_s: float = 10.0
    """One send at a provider."""
    send_wait_s: float = 2.0
    """How long a courier keeps a leased row for its place in the provider's rate; what waits longer is given back."""
    send_backoff_cap_s: float = 120.0
    """Longest pause between sends that did not arrive; the first is backoff_first_s, and it doubles."""
    part_pause_s: float = 3.0
    """How long the next part of a long text waits for the provider's report that the one before is on its way."""
    send_budget: int = 12
    """Sends that certainly did not arrive before an outbox row fails and is escalated."""
    lookup_pause_s: float = 5.0
    """Between the two looks for an ambiguous send at its provider."""
    media_lease_s: float = 30.0
    """One fetch of a file that a message names; an expired one is tried again."""
    media_budget: int = 8
    """Tries at such a file before it is given up; the pauses are 1, 3, 9 s and so on."""
    reconcile_s: float = 300.0
    """How often messages that a webhook outage missed are looked for at their provider."""
    poll_s: float = 2.0
    """Longest sleep of a loop that also wakes on NOTIFY: the bound on a lost wake-up."""
    aftercare_s: float = 30.0
    """How often a dispatcher looks for escalations to raise again and quiet conversations to close."""
    service_rules_s: float = 30.0
    """How long a replica keeps the service rules that it has read."""
    mailbox_lease_s: float = 60.0
    """How long a sync's lease of its mailbox lives without a renewal; renewed after a quarter of it."""
    mailbox_gap_s: float = 1.5
    """The least time between two syncs of a mailbox, however many hints come."""
    reopen_s: float = 72 * 3600.0
    """A new message reopens a resolved conversation within this time."""
    confirmation_s: float = 7 * 24 * 3600.0
    """How long the link works that confirms an address."""
    acquire_connection_s: float = 2.0
    """How long a step waits for a database connection before the database counts as away."""
    statement_timeout_s: float = 5.0
    """One database statement."""
    pool_size: int = 4
    """Database connections per replica at most."""

    def unhurried(self) -> Self:
        """For commands over whole folders and files: nobody waits for a single step, so a busy machine ends none."""
        return replace(
            self,
            acquire_connection_s=60.0,
            statement_timeout_s=120.0,
            embed_timeout_s=120.0,
            lease_s=300.0,
            turn_timeout_s=600.0,
        )

    def check(self) -> None:
        """Raise ConfigurationInvalid when an inequality between the times does not hold."""
        rules = {
            "heartbeat_s * 3 <= lease_s": self.heartbeat_s * 3 <= self.lease_s,
            "lock_confirm_s < lock_lease_s": self.lock_confirm_s < self.lock_lease_s,
            "lock_deadline_s < lease_s": self.lock_deadline_s < self.lease_s,
            "lock_deadline_s <= lock_confirm_s": self.lock_deadline_s <= self.lock_confirm_s,
            "heartbeat_s * 2 <= lock_confirm_s": self.heartbeat_s * 2 <= self.lock_confirm_s,
            "heartbeat_s * 3 <= lock_lease_s": self.heartbeat_s * 3 <= self.lock_lease_s,
            "model_timeout_s * 1.8 < turn_timeout_s": self.model_timeout_s * 1.8 < self.turn_timeout_s,
            "model_retries >= 0": self.model_retries >= 0,
            "breaker_failures >= 1": self.breaker_failures >= 1,
            "breaker_rest_s > 0": self.breaker_rest_s > 0,
            "embed_timeout_s < turn_timeout_s": self.embed_timeout_s < self.turn_timeout_s,
            "send_wait_s + send_timeout_s < send_lease_s": self.send_wait_s + self.send_timeout_s < self.send_lease_s,
            "backoff_first_s <= send_backoff_cap_s": self.backoff_first_s <= self.send_backoff_cap_s,
            "media_lease_s > 5": self.media_lease_s > 5,
            "backoff_first_s <= backoff_cap_s": self.backoff_first_s <= self.backoff_cap_s,
            "statement_timeout_s < lease_s": self.statement_timeout_s < self.lease_s,
            "acquire_connection_s < lease_s": self.acquire_connection_s < self.lease_s,
            "poll_s <= lease_s": self.poll_s <= self.lease_s,
            "mailbox_gap_s < mailbox_lease_s": self.mailbox_gap_s < self.mailbox_lease_s,
            "pool_size >= 2": self.pool_size >= 2,
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        if broken:
            raise ConfigurationInvalid("times do not fit together: " + "; ".join(broken))
