"""The ends of conversations as their customers see them: is it solved?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from agent.errors import Conflict
from agent.records import ConversationId
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("resolutions")


@dataclass(frozen=True, slots=True)
class Survey:
    """The question whether a resolved request is solved; None while it is not answered."""

    solved: bool | None


class Surveys:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # As long as a message reopens the conversation; after that it begins another one.
        self._open_for = timedelta(seconds=database.times.reopen_s)

    async def fetch(self, conversation_id: ConversationId) -> Survey | None:
        """None where there is nothing to ask."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(_QUERIES["fetch_survey"], conversation_id, self._open_for)
        return None if row is None else Survey(row["solved"])

    async def answer(self, conversation_id: ConversationId, *, solved: bool, comment: str) -> None:
        """Keep the answer; the same again changes nothing. A yes confirms the end, a no brings a person.

        Raises Conflict when the conversation is not resolved, or was so too long ago.
        """
        async with self._database.connection() as connection:
            status = await connection.fetchval(
                _QUERIES["answer_survey"], conversation_id, solved, comment, self._open_for
            )
        if status == "not_resolved":
            raise Conflict("the request is not resolved, or was so too long ago; write a message instead")
