"""The channel's own id of a sender, learned beside the address, so that who hides the address later stays known."""

from __future__ import annotations

import logging
from collections import OrderedDict

import asyncpg

from agent.errors import DatabaseAway
from agent.log_fields import log_extra
from agent.records import CustomerId
from crm.database import Database
from crm.queries import load_queries

_LOG = logging.getLogger(__name__)
_QUERIES = load_queries("merge")
_REMEMBERED = 50_000
_MERGED_AWAY = ("FT002", "FT003")


class WhatsAppUserIds:
    """One per process: a pair that was stored is not stored again. The next message tells what this one could not."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[tuple[CustomerId, str], None] = OrderedDict()

    async def learn(self, customer_id: CustomerId, user_id: str) -> None:
        """Link an id that came beside the customer's number in one signed request. Where the customer has another id
        already, as after a number changed hands, nothing is linked. Raises nothing: the message itself is stored."""
        pair = (customer_id, user_id)
        if pair in self._known:
            self._known.move_to_end(pair)
            return
        try:
            async with self._database.connection() as connection:
                learned = await connection.fetchval(_QUERIES["learn_whatsapp_user"], customer_id, user_id)
        except DatabaseAway:
            return
        except asyncpg.UniqueViolationError:
            return  # its twin came just now
        except asyncpg.PostgresError as error:
            if error.sqlstate not in _MERGED_AWAY:
                _LOG.exception("a sender's user id could not be kept")
            return
        if learned == "moved":
            return
        if learned == "another":
            _LOG.warning(
                "a number came with another user id than before: it may have changed hands",
                extra=log_extra(customer_id=customer_id),
            )
        self._known[pair] = None
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
