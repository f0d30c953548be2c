"""The schedule of kills: complete, and the same for the same seed."""

from __future__ import annotations

from itertools import islice

from load.chaos.schedule import Strike, make_schedule
from load.chaos.victims import USUAL, Kind


def first(number: int, seed: int, overlap: float = 0.25) -> list[Strike]:
    return list(islice(make_schedule(USUAL, seed, overlap=overlap), number))


def test_every_kind_dies_in_every_round() -> None:
    strikes = first(3 * len(USUAL), seed=7)
    for begin in range(0, len(strikes), len(USUAL)):
        assert {strike.kind for strike in strikes[begin : begin + len(USUAL)]} == set(USUAL)


def test_a_seed_decides_everything() -> None:
    assert first(50, seed=7) == first(50, seed=7)
    assert first(50, seed=7) != first(50, seed=8)


def test_without_overlap_each_kill_waits_for_the_last_recovery() -> None:
    assert not any(strike.overlapping for strike in first(100, seed=7, overlap=0.0))
    assert any(strike.overlapping for strike in first(100, seed=7))


def test_replica_kinds_name_their_deployments() -> None:
    assert Kind.INGRESS.deployment == "Ingress"
    assert Kind.POSTMASTER.deployment is None
