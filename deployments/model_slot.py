"""One live model, and at most one on its way in: the old one serves until the new one is ready."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

_LOG = logging.getLogger(__name__)

Model = TypeVar("Model")


class ModelSlot(Generic[Model]):
    """`load` runs in a thread and must return a model that is ready to answer."""

    def __init__(self, load: Callable[[str], Model]) -> None:
        self._load = load
        self._live: Model | None = None
        self._live_name: str | None = None
        self._wanted: str | None = None
        self._loading: asyncio.Task[None] | None = None
        self.failure: str | None = None
        """Why the last switch did not happen; None when it did or is under way."""

    @property
    def live(self) -> Model:
        assert self._live is not None, "fill() comes before the first use"
        return self._live

    async def fill(self, name: str) -> None:
        """Load the first model. Raises what `load` raises."""
        self._live = await asyncio.to_thread(self._load, name)
        self._live_name = self._wanted = name

    def switch(self, name: str) -> None:
        """Begin to load `name` in the background and return; the last call wins."""
        if name == self._wanted:
            return
        self._wanted = name
        if self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._catch_up())

    async def settled(self) -> None:
        """Wait until no model is on its way in."""
        if self._loading is not None:
            await self._loading

    async def _catch_up(self) -> None:
        while self._wanted != self._live_name and (name := self._wanted) is not None:
            self.failure = None
            try:
                model = await asyncio.to_thread(self._load, name)
            except Exception as error:  # whatever is wrong with the new model, the old one goes on serving
                _LOG.exception("the model %s could not be loaded; %s stays", name, self._live_name)
                self.failure = f"{name}: {error}"
                if self._wanted == name:
                    self._wanted = self._live_name
                continue
            if self._wanted == name:
                self._live, self._live_name = model, name
                _LOG.info("the model %s is live", name)
