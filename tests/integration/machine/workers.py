"""What workers do: claim, gather, commit, and give back; living ones and ones that should be dead."""

from __future__ import annotations

from agent.errors import FenceLost
from agent.records import CommitStatus, ConversationId, FailureCause, OutcomeKind, TurnContext, TurnDecision
from crm.database import Database
from crm.turns import PostgresTurns
from tests.integration.machine.actor import Actor, choose
from tests.integration.machine.model import Holder, Operation, Outcome, WorkModel
from tests.integration.spine import escalate, hold, reply_to

_LATEST_ANSWER = """
SELECT o.state = 'held' AS held, EXISTS (
    SELECT FROM confirmations a JOIN conversations c ON c.identifier_id = a.identifier_id
    WHERE c.conversation_id = $1 AND a.state = 'asked' AND a.created_at > now() - interval '3 days'
) AS asked
FROM outbox o WHERE o.conversation_id = $1 AND o.kind = 'message' ORDER BY o.position DESC LIMIT 1
"""


class Workers(Actor):
    def claim(self, pick: int) -> Operation | None:
        customer_id = choose(sorted(self.model.work), pick)
        if customer_id is None:
            return None
        world = self._world
        world.side_statement(
            "UPDATE work SET due_at = clock_timestamp() WHERE customer_id = $1 AND isfinite(due_at)", customer_id
        )
        (row,) = world.side_statement(
            "SELECT coalesce(isfinite(due_at), false) AND coalesce(lease_until < clock_timestamp(), true) AS free, "
            "attempts_crash + (lease_until IS NOT NULL)::integer AS crashes FROM work WHERE customer_id = $1",
            customer_id,
        )

        def expect(claim: Outcome) -> None:
            model = self.model
            if row["free"] and row["crashes"] > 2:
                assert claim is None  # and the burst is dead-lettered, which the auditor sees
                world.observe()
                return
            assert (claim is not None) == row["free"]
            if claim is not None:
                assert claim.fence == model.work[customer_id].fence + 1
                model.work[customer_id] = WorkModel(claim.fence, True)

        def absorb(claim: Outcome) -> None:
            if claim is not None and not isinstance(claim, Exception):
                self.model.holders.append(Holder(claim))

        return Operation(lambda database: PostgresTurns(database).claim(customer_id, "worker"), expect, absorb)

    def gather(self, pick: int) -> Operation | None:
        holder = choose(self.model.holders, pick)
        if holder is None:
            return None
        queued = self._world.side_statement(
            "SELECT message_id, conversation_id FROM messages "
            "WHERE customer_id = $1 AND direction = 'inbound' AND outcome_id IS NULL ORDER BY seq",
            holder.claim.customer_id,
        )

        def expect(context: Outcome) -> None:
            if not self._holds(holder):
                assert isinstance(context, FenceLost)
                return
            if not queued:
                assert context is None
                return
            head = queued[0]["conversation_id"]
            burst = [row["message_id"] for row in queued]
            other = next((n for n, row in enumerate(queued) if row["conversation_id"] != head), len(queued))
            assert [message.message_id for message in context.burst] == burst[:other]
            conversation = self.model.conversations[context.conversation_id]
            assert (context.state, context.owner_epoch) == (conversation.state, conversation.owner_epoch)
            assert context.opted_out == conversation.opted_out

        def absorb(context: Outcome) -> None:
            if isinstance(context, TurnContext):
                holder.context = context

        return Operation(lambda database: PostgresTurns(database).gather(holder.claim), expect, absorb)

    def commit(self, pick: int, *, escalating: bool, allow_rerun: bool) -> Operation | None:
        holder = choose([holder for holder in self.model.holders if holder.context is not None], pick)
        if holder is None or holder.context is None:
            return None
        context = holder.context
        decision = decide(context, escalating=escalating)
        newer = self._world.side_statement(
            "SELECT conversation_id FROM messages "
            "WHERE customer_id = $1 AND direction = 'inbound' AND outcome_id IS NULL AND seq > $2 ORDER BY seq LIMIT 1",
            context.customer_id,
            context.burst[-1].seq,
        )

        def expect(status: Outcome) -> None:
            if not self._holds(holder) or not self._may_write(context, decision):
                assert isinstance(status, FenceLost)
                return
            if allow_rerun and newer and newer[0]["conversation_id"] == context.conversation_id:
                assert status is CommitStatus.NEWER_MESSAGES
                return
            assert status is CommitStatus.COMMITTED
            self.model.work[context.customer_id].leased = False
            written = decision.kind in (OutcomeKind.REPLY, OutcomeKind.ESCALATION)
            if decision.escalation is not None or (written and self._is_held_for_nobody(context.conversation_id)):
                self.model.conversations[context.conversation_id].state = "escalated"

        def absorb(status: Outcome) -> None:
            if status is CommitStatus.COMMITTED:
                holder.context = None

        async def run(database: Database) -> Outcome:
            return await PostgresTurns(database).commit(holder.claim, context, decision, allow_rerun=allow_rerun)

        return Operation(run, expect, absorb)

    def renew(self, pick: int) -> Operation | None:
        holder = choose(self.model.holders, pick)
        if holder is None:
            return None

        def expect(renewed: Outcome) -> None:
            assert renewed == self._holds(holder)

        return Operation(lambda database: PostgresTurns(database).renew(holder.claim), expect)

    def release(self, pick: int) -> Operation | None:
        holder = choose(self.model.holders, pick)
        if holder is None:
            return None
        return Operation(
            lambda database: PostgresTurns(database).release(holder.claim), lambda _: self._expect_given_back(holder)
        )

    def fail(self, pick: int, cause: FailureCause) -> Operation | None:
        holder = choose(self.model.holders, pick)
        if holder is None:
            return None

        def expect(outcome: Outcome) -> None:
            assert outcome is None
            self._expect_given_back(holder)
            if cause is FailureCause.MESSAGE:
                self._world.observe()  # it may have ended as a dead letter, which the auditor sees

        return Operation(lambda database: PostgresTurns(database).fail(holder.claim, cause, "broke"), expect)

    def _expect_given_back(self, holder: Holder) -> None:
        if self._holds(holder):
            self.model.work[holder.claim.customer_id].leased = False

    def _holds(self, holder: Holder) -> bool:
        work = self.model.work[holder.claim.customer_id]
        return bool(work.leased and work.fence == holder.claim.fence)

    def _is_held_for_nobody(self, conversation_id: ConversationId) -> bool:
        """Whether the latest answer waits for an owner who was not asked, or did not answer for days: people look."""
        (row,) = self._world.side_statement(_LATEST_ANSWER, conversation_id)
        return bool(row["held"] and not row["asked"])

    def _may_write(self, context: TurnContext, decision: TurnDecision) -> bool:
        """Nobody took over since, the customer did not opt out since, and no answer goes over a person's head."""
        conversation = self.model.conversations[context.conversation_id]
        if conversation.opted_out and decision.kind is not OutcomeKind.SUPPRESSED:
            return False
        if conversation.state == "escalated" and decision.kind is OutcomeKind.REPLY:
            return False
        return conversation.owner_epoch == context.owner_epoch


def decide(context: TurnContext, *, escalating: bool) -> TurnDecision:
    """As the real turn does: silent where the customer opted out, held where a person has the conversation."""
    if context.opted_out:
        return TurnDecision(OutcomeKind.SUPPRESSED, "opted_out")
    if context.state == "escalated":
        return hold(context)
    return escalate(context) if escalating else reply_to(context)
