"""The sample conversations as data: what knowledge/sample_conversations.yaml may say, checked when it is read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
    model_validator,
)

from agent.errors import BadInput
from agent.records import (
    Category,
    Channel,
    IdentifierKind,
    Identity,
    InboundMessage,
    OutcomeKind,
    Plan,
    Priority,
    Team,
)

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]
_Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
# As the desk takes it over HTTP.
_Operator = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}$")]
_STRICT = ConfigDict(frozen=True, extra="forbid")


class Written(BaseModel):
    """The customer writes, several messages as one burst. `outcome`, `team` and `article` say how it ends with the
    shipped articles; the turn decides by itself."""

    model_config = _STRICT

    minutes_ago: float = Field(ge=1)
    customer: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=20)]
    outcome: OutcomeKind
    team: Team | None = None
    article: str = ""


class Done(BaseModel):
    """What a person does at the desk; `text` is the reply or the note."""

    model_config = _STRICT

    minutes_ago: float = Field(ge=1)
    operator: _Operator
    does: Literal["take", "reply", "hand_back", "resolve"]
    text: str = ""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.does == "reply" and not self.text.strip():
            raise ValueError("a reply needs a text")
        return self


def _sort(step: Any) -> str:
    """Which of the two a step is meant to be, so that a mistake in it is named as that one's."""
    return "done" if isinstance(step, Done) or (isinstance(step, dict) and "does" in step) else "written"


_Step = Annotated[Annotated[Written, Tag("written")] | Annotated[Done, Tag("done")], Discriminator(_sort)]


class Conversation(BaseModel):
    """One conversation, its steps in order. WhatsApp and mail prove the address, the form does not. A `plan` is its
    customer's from then on."""

    model_config = _STRICT

    key: _Key
    channel: Channel
    name: _Text
    address: _Text
    plan: Plan | None = None
    subject: str = ""
    category: Category | None = None
    priority: Priority | None = None
    steps: Annotated[tuple[_Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not isinstance(self.steps[0], Written):
            raise ValueError(f"{self.key}: the customer writes first")
        if any(later.minutes_ago >= earlier.minutes_ago for earlier, later in pairwise(self.steps)):
            raise ValueError(f"{self.key}: each step is less long ago than the one before")
        if (self.channel is Channel.WHATSAPP) != self.address.startswith("+"):
            raise ValueError(f"{self.key}: WhatsApp has a number, mail and form an address")
        return self

    def messages(self) -> list[list[InboundMessage]]:
        """What the customer writes, by step; the same ids each time, so that nothing is stored twice."""
        whatsapp = self.channel is Channel.WHATSAPP
        identity = Identity(
            IdentifierKind.PHONE if whatsapp else IdentifierKind.EMAIL,
            self.address,
            verified=self.channel is not Channel.WEB_FORM,
            display_name=self.name,
        )
        return [
            [
                InboundMessage(
                    channel=self.channel,
                    provider_message_id=f"sample:{self.key}:{number}.{part}",
                    thread_key=self.address if whatsapp else f"sample:{self.key}",
                    identity=identity,
                    body=text,
                    subject=self.subject,
                    category=self.category,
                    priority=self.priority,
                )
                for part, text in enumerate(step.customer, 1)
            ]
            for number, step in enumerate(self.steps, 1)
            if isinstance(step, Written)
        ]


class SampleFile(BaseModel):
    """All sample conversations; those of one customer follow each other in time."""

    model_config = _STRICT

    conversations: Annotated[tuple[Conversation, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = [each.key for each in self.conversations]
        if len(set(keys)) != len(keys):
            raise ValueError("two conversations have the same key")
        last: dict[tuple[Channel, str], float] = {}
        for each in self.conversations:
            who = (each.channel, each.address)
            if each.steps[0].minutes_ago >= last.get(who, float("inf")):
                raise ValueError(f"{each.key}: begins before an earlier conversation of the same customer ends")
            last[who] = each.steps[-1].minutes_ago
        return self


def read_samples(path: Path) -> tuple[Conversation, ...]:
    """Raises BadInput naming the file and what is wrong in it."""
    try:
        return SampleFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))).conversations
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(path.name, f"cannot be read: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadInput(path.name, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
