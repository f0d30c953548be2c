"""The service rules of the channels in channel_configs, and what a replica remembers of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from agent.errors import DatabaseAway
from agent.records import Channel
from agent.service.hours import OpeningHours
from agent.service.rules import ServiceRules
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("service_rules")

Rules = Mapping[Channel, ServiceRules]


class ServiceRulesStore:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self) -> Rules:
        """The rules of every channel."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_service_rules"])
        return {Channel(row["channel"]): ServiceRules.model_validate_json(row["rules"]) for row in rows}

    async def replace(self, rules: Rules, operator: str) -> None:
        """Replace the rules of the channels that are given, all or none."""
        async with self._database.transaction() as connection:
            for channel, each in sorted(rules.items()):
                await connection.execute(
                    _QUERIES["record_service_rules"], channel.value, each.model_dump(mode="json"), operator
                )


class RememberedRules:
    """The rules for what needs them at every step, read anew when they are older than `times.service_rules_s`. During
    an outage those that were read last hold."""

    def __init__(self, database: Database) -> None:
        self._store = ServiceRulesStore(database)
        self._lasts_s = database.times.service_rules_s
        self._rules: Rules = {}
        self._read_at = -self._lasts_s
        self._reading = asyncio.Lock()

    async def of(self, channel: Channel) -> ServiceRules:
        """Raises DatabaseAway when they were never read."""
        return (await self.all())[channel]

    async def opening_hours(self, channel: Channel) -> OpeningHours:
        """When people answer on a channel. Raises as `of`."""
        return (await self.of(channel)).business_hours.opening

    async def all(self) -> Rules:
        """Raises as `of`."""
        if not self._is_fresh():
            async with self._reading:
                if not self._is_fresh():
                    await self._read()
        return self._rules

    def forget(self) -> None:
        """Read anew at the next step, because they were changed here."""
        self._read_at = time.monotonic() - self._lasts_s

    def _is_fresh(self) -> bool:
        return bool(self._rules) and time.monotonic() - self._read_at < self._lasts_s

    async def _read(self) -> None:
        try:
            self._rules = await self._store.fetch()
        except DatabaseAway:
            if not self._rules:
                raise
        self._read_at = time.monotonic()
