"""What people do: take over, answer, hand back, resolve, find two customers to be one and take that back."""

from __future__ import annotations

from uuid import UUID

from agent.errors import Conflict
from agent.records import ConversationId, CustomerId
from crm.database import Database
from crm.desk import Desk
from crm.merge import merge_customers, undo_merge
from crm.quarantine import Quarantine
from tests.integration.machine.actor import Actor, choose
from tests.integration.machine.model import Operation, Outcome

OPERATORS = ("grace", "linus")
# What is held with the identifiers that a merge had moved, whenever it began. Nobody writes in another spelling here.
_LEAVING = """
SELECT c.conversation_id FROM customer_merges g
JOIN conversations c ON c.customer_id = g.target_id AND c.identifier_id = ANY (g.identifier_ids)
WHERE g.merge_id = $1
"""


class People(Actor):
    def take(self, pick: int, operator: int) -> Operation | None:
        conversation_id, who = self._conversation(pick), OPERATORS[operator % 2]
        if conversation_id is None:
            return None
        return Operation(
            lambda database: Desk(database).take(conversation_id, who),
            lambda outcome: self._expect_taken(conversation_id, who, outcome),
        )

    def reply(self, pick: int, operator: int) -> Operation | None:
        conversation_id, who = self._conversation(pick), OPERATORS[operator % 2]
        if conversation_id is None:
            return None

        def expect(outcome: Outcome) -> None:
            if self.model.conversations[conversation_id].opted_out:
                assert isinstance(outcome, Conflict)
                return
            self._expect_taken(conversation_id, who, outcome)

        return Operation(lambda database: Desk(database).reply(conversation_id, who, "I see to it."), expect)

    def hand_back(self, pick: int, operator: int) -> Operation | None:
        conversation_id, who = self._conversation(pick), OPERATORS[operator % 2]
        if conversation_id is None:
            return None

        def expect(outcome: Outcome) -> None:
            conversation = self.model.conversations[conversation_id]
            if conversation.state != "escalated" or conversation.owner not in (None, who):
                assert isinstance(outcome, Conflict)
                return
            assert outcome is None
            self._expect_fenced(conversation.customer_id)
            conversation.owner_epoch += conversation.owner is not None
            conversation.state, conversation.owner = "open", None

        return Operation(lambda database: Desk(database).hand_back(conversation_id, who, "done"), expect)

    def resolve(self, pick: int, operator: int) -> Operation | None:
        conversation_id, who = self._conversation(pick), OPERATORS[operator % 2]
        if conversation_id is None:
            return None
        queued = self._world.side_statement(
            "SELECT FROM messages WHERE conversation_id = $1 AND direction = 'inbound' AND outcome_id IS NULL",
            conversation_id,
        )

        def expect(outcome: Outcome) -> None:
            conversation = self.model.conversations[conversation_id]
            if conversation.state != "resolved" and (queued or conversation.owner not in (None, who)):
                assert isinstance(outcome, Conflict)
                return
            assert outcome is None
            self._expect_fenced(conversation.customer_id)
            conversation.owner_epoch += conversation.state != "resolved"
            conversation.state, conversation.owner = "resolved", None

        return Operation(lambda database: Desk(database).resolve(conversation_id, who), expect)

    def release(self, pick: int) -> Operation | None:
        """Let the FTE handle what waits in quarantine."""
        conversation_id = self._conversation(pick)
        return self._end_quarantine(conversation_id, discarding=False) if conversation_id else None

    def discard(self, pick: int) -> Operation | None:
        conversation_id = self._conversation(pick)
        return self._end_quarantine(conversation_id, discarding=True) if conversation_id else None

    def _end_quarantine(self, conversation_id: ConversationId, *, discarding: bool) -> Operation:
        waits = self._world.side_statement(
            "SELECT FROM work JOIN conversations USING (customer_id) "
            "WHERE conversation_id = $1 AND due_at = 'infinity'",
            conversation_id,
        )

        def expect(outcome: Outcome) -> None:
            if not waits:
                assert isinstance(outcome, Conflict)
                return
            assert outcome is None
            conversation = self.model.conversations[conversation_id]
            self._expect_fenced(conversation.customer_id)
            if discarding:
                conversation.state, conversation.owner_epoch = "resolved", conversation.owner_epoch + 1

        async def run(database: Database) -> None:
            quarantine = Quarantine(database)
            await (quarantine.discard if discarding else quarantine.release)(conversation_id, OPERATORS[0])

        return Operation(run, expect)

    def merge(self, pick: int, other: int) -> Operation | None:
        source, target = choose(sorted(self.model.work), pick), choose(sorted(self.model.work), other)
        if source is None or target is None:
            return None

        def expect(outcome: Outcome) -> None:
            model = self.model
            if source == target or {source, target} & model.merged:
                assert isinstance(outcome, Conflict)
                return
            assert isinstance(outcome, UUID)
            self._expect_fenced(source)
            self._expect_fenced(target)
            model.merged.add(source)
            for conversation in model.conversations.values():
                if conversation.customer_id == source:
                    conversation.customer_id = target

        return Operation(lambda database: merge_customers(database, source, target, "test"), expect)

    def unmerge(self, pick: int) -> Operation | None:
        """Take a merge back, also one that was taken back before or rests under a later one."""
        merges = self._world.side_statement(
            "SELECT g.merge_id, g.source_id, g.target_id, g.undone_at IS NULL AND u.merged_into IS NULL AS may "
            "FROM customer_merges g JOIN customers u ON u.customer_id = g.target_id ORDER BY g.merge_id"
        )
        merge = choose(merges, pick)
        if merge is None:
            return None
        leaving = self._world.side_statement(_LEAVING, merge["merge_id"])

        def expect(outcome: Outcome) -> None:
            if not merge["may"]:
                assert isinstance(outcome, Conflict)
                return
            assert outcome is None
            self._expect_fenced(merge["source_id"])
            self._expect_fenced(merge["target_id"])
            self.model.merged.remove(merge["source_id"])
            for row in leaving:
                self.model.conversations[row["conversation_id"]].customer_id = merge["source_id"]

        return Operation(lambda database: undo_merge(database, merge["merge_id"], OPERATORS[0]), expect)

    def _conversation(self, pick: int) -> ConversationId | None:
        return choose(sorted(self.model.conversations), pick)

    def _expect_taken(self, conversation_id: ConversationId, who: str, outcome: Outcome) -> None:
        conversation = self.model.conversations[conversation_id]
        if conversation.state == "resolved" or conversation.owner not in (None, who):
            assert isinstance(outcome, Conflict)
            return
        assert outcome is None
        self._expect_fenced(conversation.customer_id)
        conversation.owner_epoch += conversation.owner is None
        conversation.state, conversation.owner = "escalated", who

    def _expect_fenced(self, customer_id: CustomerId) -> None:
        work = self.model.work[customer_id]
        work.fence, work.leased = work.fence + 1, False
