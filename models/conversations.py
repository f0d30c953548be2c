"""Conversations with an expected outcome: what a simulated customer writes, what must come of it, how often it does.

A conversation is replayed several times, and counts as solved only if every check of a replay holds. pass^k is the
chance that k replays all pass (Yao et al., τ-bench, 2024): of n replays with c passes it is estimated without bias by
C(c, k) / C(n, k), and averaged over the conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import comb
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from agent.errors import BadInput
from agent.records import Channel, ConversationState, ReasonCode
from agent.reply.draft import ReplyKind
from models.json_lines import parse_lines

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
_Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
_FORM = ConfigDict(frozen=True, extra="forbid")

Action = Literal["reply", "escalate", "held", "silent"]
"""What a turn did: answered, handed over, held with the one notice that a person has it, or sent nothing."""


class Expected(BaseModel):
    """What must come of one turn; what is not said is not checked. Words are compared without regard to case."""

    model_config = _FORM

    action: Action | None = None
    reason: ReasonCode | None = None
    kinds: tuple[ReplyKind, ...] = ()
    """Of a reply: which kinds are right."""
    articles: tuple[str, ...] = ()
    """One of these is cited."""
    says: tuple[_Text, ...] = ()
    never: tuple[_Text, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.reason is not None and self.action != "escalate":
            raise ValueError("a reason belongs to the action escalate")
        if (self.articles or self.kinds) and self.action != "reply":
            raise ValueError("articles and kinds belong to the action reply")
        return self


class CustomerWrites(BaseModel):
    """Several messages are one burst, answered by one turn."""

    model_config = _FORM

    customer: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=20)]
    expect: Expected = Expected()


class PersonActs(BaseModel):
    """What a person does at the desk; `text` is the reply or the note."""

    model_config = _FORM

    person: Literal["take", "reply", "hand_back", "resolve"]
    text: str = ""


def _sort(step: Any) -> str:
    """Which of the two a step is meant to be, so that a mistake in it is named as that one's."""
    return "acts" if isinstance(step, PersonActs) or (isinstance(step, dict) and "person" in step) else "writes"


Step = Annotated[Annotated[CustomerWrites, Tag("writes")] | Annotated[PersonActs, Tag("acts")], Discriminator(_sort)]


class ExpectedEnd(BaseModel):
    """How the conversation stands at its end; `reason` is that of its last escalation."""

    model_config = _FORM

    states: Annotated[tuple[ConversationState, ...], Field(min_length=1)]
    reason: ReasonCode | None = None


class ConversationCase(BaseModel):
    """`goal` is what the customer wants and knows, for a simulated one that finds its own words."""

    model_config = _FORM

    id: _Key
    channel: Channel
    about: _Text
    goal: _Text
    subject: str = ""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    end: ExpectedEnd
    never: tuple[_Text, ...] = ()
    """In none of our texts."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not isinstance(self.steps[0], CustomerWrites):
            raise ValueError("the customer writes first")
        return self

    @property
    def opening(self) -> str:
        first = self.steps[0]
        assert isinstance(first, CustomerWrites), "checked when it was read"
        return "\n".join(first.customer)


@dataclass(frozen=True, slots=True)
class TurnSeen:
    """What one turn did. `supported` and `sentences` count the sentences of an answer, both 0 where it is none."""

    action: Action
    reason: str
    articles: tuple[str, ...]
    reply: str
    ms: float
    model_calls: int
    supported: int = 0
    sentences: int = 0


@dataclass(frozen=True, slots=True)
class EndSeen:
    state: ConversationState
    reason: str | None


@dataclass(frozen=True, slots=True)
class Replay:
    """One run of a conversation. `problems` says what was not as expected; none means that it passed."""

    turns: tuple[TurnSeen, ...]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.problems


class SimulatedCustomer(Protocol):
    """Writes as a customer: by a script, or by a model. One for each replay."""

    async def next_step(self, said: Sequence[tuple[str, str]]) -> CustomerWrites | PersonActs | None:
        """The next step, None at the end. `said` holds what was said so far as (customer or support, text).

        Raises ModelAway when its model does not answer.
        """
        ...


class ScriptedCustomer:
    """Follows the case to the letter."""

    def __init__(self, case: ConversationCase) -> None:
        self._steps = iter(case.steps)

    async def next_step(self, said: Sequence[tuple[str, str]]) -> CustomerWrites | PersonActs | None:
        return next(self._steps, None)


def parse_conversations(lines: Iterable[str]) -> list[ConversationCase]:
    """Raises BadInput naming the first line that is no conversation, or that repeats an id. Empty lines are skipped."""
    cases = parse_lines(lines, ConversationCase)
    seen: set[str] = set()
    for case in cases:
        if case.id in seen:
            raise BadInput(case.id, "is the id of two conversations")
        seen.add(case.id)
    return cases


def find_problems(expected: Expected, seen: TurnSeen, never: Sequence[str] = ()) -> list[str]:
    """What of a turn is not as expected, in words for who reads the report."""
    problems = []
    if expected.action is not None and seen.action != expected.action:
        problems.append(f"{seen.action} ({seen.reason}) instead of {expected.action}")
    elif expected.reason is not None and seen.reason != expected.reason:
        problems.append(f"for {seen.reason} instead of {expected.reason}")
    elif expected.kinds and seen.reason not in expected.kinds:
        problems.append(f"{seen.reason} instead of {' or '.join(expected.kinds)}")
    elif expected.articles and not set(expected.articles) & set(seen.articles):
        problems.append(f"cites {', '.join(seen.articles) or 'nothing'} instead of {' or '.join(expected.articles)}")
    text = _folded(seen.reply)
    problems += [f"does not say {words!r}" for words in expected.says if _folded(words) not in text]
    problems += [f"says {words!r}" for words in (*expected.never, *never) if _folded(words) in text]
    return problems


def find_end_problems(expected: ExpectedEnd, seen: EndSeen) -> list[str]:
    problems = []
    if seen.state not in expected.states:
        problems.append(f"ends {seen.state} instead of {' or '.join(expected.states)}")
    if expected.reason is not None and seen.reason != expected.reason:
        problems.append(f"ends with {seen.reason or 'no escalation'} instead of {expected.reason}")
    return problems


def pass_hat(passes: int, replays: int, k: int) -> float:
    """The unbiased estimate that k replays all pass. Raises ValueError for fewer than k replays."""
    if not 1 <= k <= replays or not 0 <= passes <= replays:
        raise ValueError(f"pass^{k} cannot be told from {passes} passes of {replays} replays")
    return comb(passes, k) / comb(replays, k)


def score_conversations(replays: Mapping[str, Sequence[Replay]], largest_k: int = 4) -> dict[str, float]:
    """pass^1 to pass^k over conversations that were replayed equally often, at least k times. Raises ValueError."""
    if not replays:
        raise ValueError("no conversation to score")
    return {
        f"pass^{k}": round(
            sum(pass_hat(sum(each.passed for each in runs), len(runs), k) for runs in replays.values()) / len(replays),
            4,
        )
        for k in range(1, largest_k + 1)
    }


def _folded(text: str) -> str:
    return " ".join(text.casefold().replace("’", "'").split())
