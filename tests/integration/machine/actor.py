"""What every operation needs: the world that it acts on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tests.integration.machine.model import Model
from tests.integration.machine.world import World

T = TypeVar("T")


def choose(options: Sequence[T], pick: int) -> T | None:
    """A rule needs nothing but numbers to choose among what there is."""
    return options[pick % len(options)] if options else None


class Actor:
    """Builds operations; each is one call into the system with what the model expects of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def model(self) -> Model:
        return self._world.model
