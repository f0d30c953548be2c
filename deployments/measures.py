"""What one replica knows of itself, as Ray metrics: Ray exports them on every node with the prefix `ray_`.

What the whole system did is in the database and in `GET /metrics` (deployments/web/exposition.py). Nothing here runs in
the way of a request: a thread reads plain numbers every few seconds. Only a call of the embedding model, of which there
are tens a second, is recorded when it happens.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ray.serve import metrics

if TYPE_CHECKING:
    from agent.workers.pace import TurnPace
    from crm.database import Database
    from deployments.lock_client import ActorLocks

_LOG = logging.getLogger(__name__)
_PERIOD_S = 5.0

Read = Callable[[], float]

GAUGES = {
    "fte_replica_connections_in_use": "Database connections that steps hold",
    "fte_replica_connection_waiters": "Steps that wait for a database connection",
    "fte_replica_ticket_streams": "Event streams that customers have open",
    "fte_replica_desk_streams": "Event streams that desks have open",
    "fte_replica_turns_running": "Turns that run",
    "fte_replica_turns_waiting": "Turns that wait for their place",
    "fte_replica_turns_room": "Turns that may run at once; fewer while what they depend on is slow",
    "fte_replica_model_resting": "1 while this replica leaves a failing language model alone, else 0",
    "fte_replica_locks_held": "Customers whose lock this replica holds",
    "fte_replica_lock_waiters": "Turns that wait for their customer's lock",
    "fte_replica_customers_in_hand": "Customers whose turn the dispatcher has asked for",
    "fte_replica_turn_credits": "Turns that the dispatcher may ask for at once",
    "fte_replica_loop_beat_age_seconds": "Time since the loop of the dispatcher or the courier began its last round",
}
COUNTERS = {"fte_replica_locks_given_up": "Turns that went on without a lock, kept apart by Postgres alone"}
HISTOGRAMS: dict[str, tuple[str, list[float]]] = {
    "fte_replica_embed_texts": ("Texts in one call of the embedding model", [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    "fte_replica_embed_seconds": (
        "Time of one call of the embedding model",
        [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    ),
}


class ReplicaMeasures:
    """Reads `figures` every `period_s` from a thread of its own until `stop`. Names are those of the tables above."""

    def __init__(self, figures: Mapping[str, Read], period_s: float = _PERIOD_S) -> None:
        self._gauges = [
            (metrics.Gauge(name, description=GAUGES[name]), read) for name, read in figures.items() if name in GAUGES
        ]
        self._counters = [
            _Growth(metrics.Counter(name, description=COUNTERS[name]), read)
            for name, read in figures.items()
            if name not in GAUGES
        ]
        self._period_s = period_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measures", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when nothing is recorded any more."""
        self._stopping.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._stopping.wait(self._period_s):
            try:
                for gauge, read in self._gauges:
                    gauge.set(read())
                for growth in self._counters:
                    growth.record()
            except Exception:  # a figure is not worth a replica
                _LOG.exception("this replica's figures could not be recorded; trying again")


class EmbedMeasures:
    """Records each call of the embedding model."""

    def __init__(self) -> None:
        self._texts, self._seconds = (
            metrics.Histogram(name, description=HISTOGRAMS[name][0], boundaries=HISTOGRAMS[name][1])
            for name in ("fte_replica_embed_texts", "fte_replica_embed_seconds")
        )

    def record(self, texts: int, seconds: float) -> None:
        self._texts.observe(texts)
        self._seconds.observe(seconds)


def of_database(database: Database) -> dict[str, Read]:
    """The figures of every replica that has a pool."""
    return {
        "fte_replica_connections_in_use": lambda: database.in_use,
        "fte_replica_connection_waiters": lambda: database.waiting,
    }


def of_turns(pace: TurnPace, locks: ActorLocks) -> dict[str, Read]:
    """The figures of an agent."""
    return {
        "fte_replica_turns_running": lambda: pace.running,
        "fte_replica_turns_waiting": lambda: pace.waiting,
        "fte_replica_turns_room": lambda: pace.room,
        "fte_replica_locks_held": lambda: locks.held,
        "fte_replica_lock_waiters": lambda: locks.waiting,
        "fte_replica_locks_given_up": lambda: locks.given_up,
    }


class _Growth:
    """A number that only grows, given to Ray as what it grew by."""

    def __init__(self, counter: metrics.Counter, read: Read) -> None:
        self._counter = counter
        self._read = read
        self._known = 0.0

    def record(self) -> None:
        now = self._read()
        if now > self._known:
            self._counter.inc(now - self._known)
            self._known = now
