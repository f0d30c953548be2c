"""Conversations replayed against the real pipeline in this process: accept, turn, commit, delivery, desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.errors import Conflict, DependencyAway
from agent.records import (
    Accepted,
    Channel,
    Claim,
    CommitStatus,
    ConversationId,
    ConversationState,
    IdentifierKind,
    Identity,
    InboundMessage,
    OutcomeKind,
    TurnContext,
    TurnDecision,
)
from agent.turn.services import TurnServices
from agent.workers.turn_worker import TurnWorker, WorkStatus
from channels.stored import StoredSender
from crm.database import Database
from crm.desk import Desk
from crm.desk_views import DeskViews
from crm.outbox import Outbox
from crm.samples import ClaimedTurns, Samples
from models.conversations import (
    Action,
    ConversationCase,
    CustomerWrites,
    EndSeen,
    PersonActs,
    Replay,
    SimulatedCustomer,
    TurnSeen,
    find_end_problems,
    find_problems,
)
from serve_app.grounding import Grounding

_HOLDER = "fte-eval"
_OPERATOR = "evaluation"
_ACTIONS: Mapping[OutcomeKind, Action] = {OutcomeKind.REPLY: "reply", OutcomeKind.ESCALATION: "escalate"}

CustomerOf = Callable[[ConversationCase], SimulatedCustomer]


@dataclass
class Replayer:
    """Replays conversations one after the other, each with a customer of its own, on a database of nobody else."""

    database: Database
    services: TurnServices
    grounding: Grounding
    customer_of: CustomerOf
    _count: int = field(default=0, init=False)

    async def replay(self, case: ConversationCase) -> Replay:
        """Raises DatabaseAway."""
        self._count += 1
        return await _Conversation(self, case, self._count).run()


class _Conversation:
    """One replay of one conversation."""

    def __init__(self, replayer: Replayer, case: ConversationCase, number: int) -> None:
        self._database = replayer.database
        self._services = replayer.services
        self._grounding = replayer.grounding
        self._customer = replayer.customer_of(case)
        self._case = case
        self._desk = Desk(replayer.database)
        self._key = f"{case.id}-{number}"
        whatsapp = case.channel is Channel.WHATSAPP
        self._identity = Identity(
            IdentifierKind.PHONE if whatsapp else IdentifierKind.EMAIL,
            f"+1555{number:07d}" if whatsapp else f"{self._key}@example.com",
            verified=case.channel is not Channel.WEB_FORM,
            display_name="Robin Example",
        )
        self._said: list[tuple[str, str]] = []
        self._turns: list[TurnSeen] = []
        self._problems: list[str] = []
        self._conversation_id: ConversationId | None = None

    async def run(self) -> Replay:
        """A turn that cannot be run ends the replay as failed; the others go on."""
        try:
            while (step := await self._customer.next_step(self._said)) is not None:
                match step:
                    case CustomerWrites():
                        await self._write(step)
                    case PersonActs():
                        await self._act(step)
                await self._deliver()
        except (DependencyAway, Conflict) as error:
            self._problems.append(f"turn {len(self._turns) + 1}: {error}")
        self._problems += [f"end: {each}" for each in find_end_problems(self._case.end, await self._see_end())]
        return Replay(tuple(self._turns), tuple(self._problems))

    async def _write(self, step: CustomerWrites) -> None:
        self._said += [("customer", text) for text in step.customer]
        burst = [self._message(text) for text in step.customer]
        began = time.perf_counter()
        accepted, claim = await Samples(self._database).accept_and_claim(burst, _HOLDER)
        self._conversation_id = accepted.conversation_id
        seen = await self._run_turn(accepted, claim, began)
        self._turns.append(seen)
        if seen.reply:
            self._said.append(("support", seen.reply))
        place = f"turn {len(self._turns)}"
        self._problems += [f"{place}: {each}" for each in find_problems(step.expect, seen, self._case.never)]

    async def _run_turn(self, accepted: Accepted, claim: Claim, began: float) -> TurnSeen:
        store = _WatchedTurns(self._database, claim)
        worker = TurnWorker(store, None, self._services, self._database.times, _HOLDER)
        result = await worker.process(accepted.customer_id)
        if result.status is not WorkStatus.COMMITTED or store.seen is None:
            raise DependencyAway(f"the turn could not be run ({result.status})")
        ms = (time.perf_counter() - began) * 1000
        context, decision = store.seen
        support = self._grounding.measure(context, decision)
        silent: Action = "held" if decision.kind is OutcomeKind.HELD and decision.reply else "silent"
        return TurnSeen(
            action=_ACTIONS.get(decision.kind, silent),
            reason=decision.reason,
            articles=decision.articles,
            reply=decision.reply,
            ms=ms,
            model_calls=decision.model_calls,
            supported=support.supported if support else 0,
            sentences=support.sentences if support else 0,
        )

    async def _act(self, step: PersonActs) -> None:
        assert self._conversation_id is not None, "the customer writes first"
        match step.person:
            case "take":
                await self._desk.take(self._conversation_id, _OPERATOR)
            case "reply":
                await self._desk.reply(self._conversation_id, _OPERATOR, step.text)
                self._said.append(("support", step.text))
            case "hand_back":
                await self._desk.hand_back(self._conversation_id, _OPERATOR, step.text)
            case "resolve":
                await self._desk.resolve(self._conversation_id, _OPERATOR, step.text)

    async def _deliver(self) -> None:
        """As the courier does: what was not delivered is no history."""
        sender = StoredSender("eval")
        outbox = Outbox(self._database)
        while items := await outbox.claim(limit=32):
            await outbox.record_sent([(item, await sender.send(item)) for item in items])

    async def _see_end(self) -> EndSeen:
        if self._conversation_id is None:
            return EndSeen(ConversationState.OPEN, None)  # the customer's model did not even open
        view = await DeskViews(self._database).fetch_conversation(self._conversation_id)
        reason = view.escalations[-1].reason_code if view.escalations else None
        return EndSeen(view.state, reason)

    def _message(self, text: str) -> InboundMessage:
        return InboundMessage(
            channel=self._case.channel,
            provider_message_id=f"{self._key}-{len(self._said)}-{time.perf_counter_ns()}",
            thread_key=self._identity.value if self._case.channel is Channel.WHATSAPP else self._key,
            identity=self._identity,
            body=text,
            subject=self._case.subject,
        )


class _WatchedTurns(ClaimedTurns):
    """The store of one turn, which remembers what was committed."""

    def __init__(self, database: Database, claim: Claim) -> None:
        super().__init__(database, claim)
        self.seen: tuple[TurnContext, TurnDecision] | None = None

    async def commit(
        self, claim: Claim, context: TurnContext, decision: TurnDecision, *, allow_rerun: bool
    ) -> CommitStatus:
        status = await super().commit(claim, context, decision, allow_rerun=allow_rerun)
        if status is CommitStatus.COMMITTED:
            self.seen = (context, decision)
        return status


async def replay_all(
    replayer: Replayer, cases: Sequence[ConversationCase], times: int, on_done: Callable[[int, int], None]
) -> dict[str, list[Replay]]:
    """Every conversation so many times, by its id. All once, then all again: what runs first is not run better."""
    replays: dict[str, list[Replay]] = {case.id: [] for case in cases}
    for round_ in range(times):
        for number, case in enumerate(cases, 1):
            replays[case.id].append(await replayer.replay(case))
            on_done(round_ * len(cases) + number, times * len(cases))
    return replays
