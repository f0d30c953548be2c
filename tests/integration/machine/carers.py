"""What is done when nobody does anything, and what customers say of the ends that they are asked about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from agent.errors import Conflict
from agent.records import Channel, Severity
from crm.aftercare import Aftercare, Closing
from crm.database import Database
from crm.resolutions import Surveys
from tests.integration.machine.actor import Actor, choose
from tests.integration.machine.model import Operation, Outcome

# Whatever was said or raised is long ago by then.
LATER = datetime.now(UTC) + timedelta(days=1)
REMINDERS_MAX = 3
_QUIET = """
SELECT FROM conversations c
WHERE c.conversation_id = $1 AND c.state = 'open' AND c.answered_at IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM messages m WHERE m.conversation_id = $1 AND m.direction = 'inbound' AND outcome_id IS NULL)
  AND NOT EXISTS (
      SELECT FROM outbox o WHERE o.conversation_id = $1 AND o.finished_at IS NULL AND o.state <> 'held')
"""
_LAST_END = """
SELECT r.solved, r.reopened_at IS NULL AND c.resolved_at > now() - interval '72 hours' AS stands
FROM resolutions r JOIN conversations c USING (conversation_id)
WHERE conversation_id = $1 ORDER BY r.resolved_at DESC LIMIT 1
"""
_WAITING = """
SELECT FROM escalations e JOIN conversations c USING (conversation_id)
WHERE c.channel = $1 AND e.status = 'open' AND e.reminders < $2
"""


class Carers(Actor):
    def close(self, pick: int, *, easily_upset: bool) -> Operation | None:
        """`easily_upset`: what the machine's customers feel, which is nothing, counts as upset."""
        conversation_id = choose(sorted(self.model.conversations), pick)
        if conversation_id is None:
            return None
        quiet = self._world.side_statement(_QUIET, conversation_id)

        def expect(outcome: Outcome) -> None:
            conversation = self.model.conversations[conversation_id]
            if not quiet:
                assert outcome is Closing.NOT_QUIET
                return
            assert outcome is Closing.RESOLVED or (easily_upset and outcome is Closing.ESCALATED)
            conversation.state = outcome.value

        async def run(database: Database) -> Outcome:
            return await Aftercare(database).close(conversation_id, LATER, 0.5 if easily_upset else -0.5)

        return Operation(run, expect)

    def remind(self, pick: int) -> Operation:
        channel = list(Channel)[pick % len(Channel)]
        waiting = self._world.side_statement(_WAITING, channel.value, REMINDERS_MAX)
        late_until = dict.fromkeys(Severity, LATER)

        def expect(outcome: Outcome) -> None:
            assert outcome == len(waiting)

        async def run(database: Database) -> Outcome:
            return await Aftercare(database).raise_again(channel, late_until, REMINDERS_MAX, 100)

        return Operation(run, expect)

    def answer(self, pick: int, *, solved: bool) -> Operation | None:
        """The customer answers whether it is solved, asked or not."""
        conversation_id = choose(sorted(self.model.conversations), pick)
        if conversation_id is None:
            return None
        rows = self._world.side_statement(_LAST_END, conversation_id)

        def expect(outcome: Outcome) -> None:
            if rows and rows[0]["solved"] == solved:
                assert outcome is None  # a repetition, whatever became of it since
                return
            if not rows or not rows[0]["stands"]:
                assert isinstance(outcome, Conflict)
                return
            assert outcome is None
            if not solved:
                self.model.conversations[conversation_id].state = "escalated"

        return Operation(lambda database: Surveys(database).answer(conversation_id, solved=solved, comment=""), expect)
