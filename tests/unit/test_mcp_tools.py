"""What the tools do for other assistants, by in-process client sessions over a system that only remembers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from mcp import Client

from agent.errors import ConfigurationInvalid, Conflict, DatabaseAway, NotFound
from agent.mcp.ports import CustomerFile, Found, TicketFile
from agent.mcp.server import make_server
from agent.mcp.tools import SupportTools
from agent.policy.rules import read_rules
from agent.records import (
    Author,
    Category,
    Channel,
    ConversationId,
    ConversationState,
    CustomerId,
    EscalationRequest,
    Passage,
    Priority,
    TicketId,
)
from serve_app.settings import CHECKOUT
from tests.unit.turn_fakes import BRAND, EXPORT, FakeSentiment, context, count_words, message

RULES = read_rules(CHECKOUT / "knowledge" / "escalation_rules.yaml")
TICKET = {"ticket_id": "TF-20260302-0001"}
ANSWER = {**TICKET, "message": "Select More and then Export.", "articles": [EXPORT.slug]}


@dataclass
class FakeSystem:
    """One ticket, one article. `wrote` lists the writes that were no dry runs, `rehearsed` the others."""

    file: TicketFile = field(default_factory=lambda: TicketFile(context(), None))
    wrote: list[tuple[Any, ...]] = field(default_factory=list)
    rehearsed: list[tuple[Any, ...]] = field(default_factory=list)
    problem: Exception | None = None

    async def open_ticket(self, ticket_id: TicketId) -> TicketFile:
        if self.problem is not None:
            raise self.problem
        if ticket_id != TICKET["ticket_id"]:
            raise NotFound(f"no ticket {ticket_id}")
        return self.file

    async def open_customer(self, customer_id: CustomerId) -> CustomerFile:
        return CustomerFile(customer_id, "Robin", "pro", (message("hello"),))

    async def search(self, query: str) -> Found:
        self.rehearsed.append(("search", query))
        return Found([EXPORT], True, 0.25)

    async def score(self, texts: Sequence[str]) -> list[float]:
        return await FakeSentiment().score(texts)

    async def fetch_articles(self, slugs: Sequence[str]) -> list[Passage]:
        for slug in slugs:
            if slug != EXPORT.slug:
                raise NotFound(f"no article {slug!r}")
        return [EXPORT for _ in slugs]

    async def correct_ticket(
        self,
        conversation_id: ConversationId,
        operator: str,
        *,
        subject: str | None,
        category: Category | None,
        priority: Priority | None,
        dry_run: bool,
    ) -> None:
        self._note(dry_run, "correct", operator, subject, category, priority)

    async def reply(self, ticket: TicketFile, operator: str, text: str, idempotency_key: str, *, dry_run: bool) -> None:
        self._note(dry_run, "reply", operator, text, idempotency_key)

    async def hand_back(self, conversation_id: ConversationId, operator: str, note: str) -> None:
        self._note(False, "hand_back", operator, note)

    async def escalate(
        self, conversation_id: ConversationId, operator: str, request: EscalationRequest, *, dry_run: bool
    ) -> None:
        self._note(dry_run, "escalate", operator, request)

    async def read_conversation(self, conversation_id: str) -> dict[str, Any]:
        raise NotFound("no such conversation")

    async def list_escalations(self) -> list[dict[str, Any]]:
        raise DatabaseAway("the database does not answer")

    async def list_channels(self) -> list[dict[str, Any]]:
        raise KeyError("the secret of a crash")

    async def list_articles(self) -> list[dict[str, Any]]:
        return [{"slug": EXPORT.slug}]

    async def read_article(self, slug: str) -> str:
        return (await self.fetch_articles([slug]))[0].body

    def _note(self, dry_run: bool, *what: Any) -> None:
        (self.rehearsed if dry_run else self.wrote).append(what)


@pytest.fixture
def system() -> FakeSystem:
    return FakeSystem()


async def ask(system: FakeSystem, tool: str, **arguments: Any) -> Any:
    """What the tool answers, or the words of its refusal."""
    tools = SupportTools(system, RULES, BRAND, count_words)
    async with Client(make_server(tools, system, BRAND, lambda _: "ada", "1")) as client:
        result = await client.call_tool(tool, arguments)
    return result.content[0].text if result.is_error else result.structured_content  # type: ignore[union-attr]


async def test_a_dry_run_and_the_real_one_say_the_same(system: FakeSystem) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("create_ticket", {**TICKET, "subject": "  Export   a project ", "priority": "high"}),
        ("escalate_to_human", {**TICKET, "reason_code": "legal_issue", "summary": "A subpoena."}),
        ("send_response", ANSWER),
    ]
    for tool, arguments in calls:
        would = await ask(system, tool, **arguments)
        did = await ask(system, tool, **arguments, dry_run=False)
        assert (would.pop("dry_run"), did.pop("dry_run")) == (True, False)
        assert would.pop("would") == did.pop("did")
        assert would == did
    assert system.wrote == system.rehearsed
    assert system.wrote[0] == ("correct", "ada", "Export a project", None, Priority.HIGH)
    request = system.wrote[1][2]
    assert (request.team, request.severity) == ("legal", "P2")
    assert "How do I export a project?" in request.summary
    assert "Escalated by ada." in request.summary
    assert EXPORT.title in system.wrote[2][2], "the article is named"


async def test_what_is_as_it_should_be_is_not_corrected(system: FakeSystem) -> None:
    said = await ask(system, "create_ticket", **TICKET, priority="medium", subject="", dry_run=False)
    assert said["did"] == "nothing to correct"
    assert system.wrote == []


async def test_the_same_answer_is_sent_once_and_a_second_one_on_purpose(system: FakeSystem) -> None:
    sent = await ask(system, "send_response", **ANSWER, dry_run=False)
    ours = replace(message(sent["text"]), author=Author.PERSON)
    system.file = replace(system.file, since=(ours,), answered=True)
    assert (await ask(system, "send_response", **ANSWER, dry_run=False))["did"].startswith("nothing")
    other = {**ANSWER, "message": "Choose Export."}
    assert "answered already" in await ask(system, "send_response", **other, dry_run=False)
    await ask(system, "send_response", **other, follow_up=True, dry_run=False)
    assert len({key for *_, key in system.wrote}) == len(system.wrote) == 2


async def test_an_acknowledgement_is_no_answer(system: FakeSystem) -> None:
    notice = replace(message("A colleague will help you."), author=Author.FTE)
    escalated = context(state=ConversationState.ESCALATED)
    system.file = TicketFile(escalated, None, (notice,), answered=False)
    assert (await ask(system, "send_response", **ANSWER))["dry_run"]
    assert (await ask(system, "create_ticket", **TICKET))["owner"] == "a person is waited for"


async def test_handing_back_follows_the_answer_and_never_in_a_dry_run(system: FakeSystem) -> None:
    await ask(system, "send_response", **ANSWER, hand_back=True, note="They use a Mac.")
    assert system.wrote == []
    await ask(system, "send_response", **ANSWER, hand_back=True, note="They use a Mac.", dry_run=False)
    assert [each[0] for each in system.wrote] == ["reply", "hand_back"]
    assert system.wrote[1] == ("hand_back", "ada", "They use a Mac.")


@pytest.mark.parametrize("channel", list(Channel))
async def test_what_is_too_long_for_the_channel_is_refused_and_not_cut(system: FakeSystem, channel: Channel) -> None:
    system.file = TicketFile(context(channel=channel), None)
    long = " ".join(["Select More and then Export."] * 120)
    assert "longer than" in await ask(system, "send_response", **ANSWER | {"message": long})
    text = (await ask(system, "send_response", **ANSWER))["text"]
    assert "Select More and then Export." in text


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"message": "I will refund you."}, "message: breaks the rule"),
        ({"articles": None}, "names the articles"),
        ({"articles": ["no-such"]}, "no article"),
        ({"ticket_id": "TF-20260302-0002"}, "no ticket"),
        ({"ticket_id": "TF-20260302-0001\n"}, "ticket_id"),
        ({"message": "\ud800"}, "message"),
        ({"dry_run": "perhaps"}, "dry_run"),
    ],
)
async def test_a_refusal_says_what_to_do_and_writes_nothing(
    system: FakeSystem, changes: dict[str, Any], problem: str
) -> None:
    said = await ask(system, "send_response", **{**ANSWER, "dry_run": False, **changes})
    assert isinstance(said, str)
    assert problem in said
    assert system.wrote == []


async def test_only_reasons_that_people_give_are_taken(system: FakeSystem) -> None:
    for reason in ("tool_failure", "taken_over", "because"):
        said = await ask(system, "escalate_to_human", **TICKET, reason_code=reason, summary="x", dry_run=False)
        assert "reason_code" in said
    assert system.wrote == []


async def test_the_mood_that_a_turn_found_is_kept(system: FakeSystem) -> None:
    """Of one message: a burst of several was scored by their words, and as a whole."""
    (said,) = context("Nobody seems to own this problem.").burst
    read = replace(said, sentiment=-0.45)
    system.file = TicketFile(replace(context(), burst=(read,)), None)
    mood = await ask(system, "analyze_sentiment", **TICKET)
    assert (mood["score"], mood["messages"], mood["negative"]) == (-0.45, [-0.45], True)
    assert (await ask(system, "analyze_sentiment", **TICKET, message="hello"))["score"] != -0.45
    system.file = TicketFile(replace(context(), burst=(read, said)), None)
    assert (await ask(system, "analyze_sentiment", **TICKET))["messages"] != [-0.45]


async def test_without_a_query_it_searches_for_what_the_customer_asks(system: FakeSystem) -> None:
    earlier = [message("How do I export a project?")]
    system.file = TicketFile(context("and on mobile?", history=earlier), None)
    found = await ask(system, "search_knowledge_base", **TICKET)
    assert "export" in found["query"]
    assert "mobile" in found["query"]
    assert found["passages"][0]["article"] == EXPORT.slug


@pytest.mark.parametrize("problem", [DatabaseAway("the database does not answer"), Conflict("linus has it")])
async def test_what_the_system_refuses_is_told_in_its_words(system: FakeSystem, problem: Exception) -> None:
    system.problem = problem
    assert str(problem) in await ask(system, "get_customer_history", **TICKET)


async def test_of_a_crash_the_caller_learns_nothing(system: FakeSystem) -> None:
    for crash in (KeyError("the secret of a crash"), RuntimeError("the secret of a crash")):
        system.problem = crash
        assert "secret" not in json.dumps(await ask(system, "analyze_sentiment", **TICKET))
    system.problem = ConfigurationInvalid("set FTE_EMBEDDING_MODEL")
    assert "FTE_EMBEDDING_MODEL" in await ask(system, "analyze_sentiment", **TICKET)
