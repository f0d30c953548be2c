"""The verdict over a chaos run can fail: each thing that may go wrong is found."""

from __future__ import annotations

import time

import pytest

from agent.records import Category, Priority
from channels.web_form.submission import FollowUp, Submission, to_follow_up, to_inbound
from crm.database import Database
from crm.inbox import Inbox
from load.chaos.customers import Conversation, Customers, Sent
from load.chaos.strikes import Kill
from load.chaos.verdict import judge
from load.chaos.victims import Kind


def sent(key: str, acknowledged: bool = True) -> Sent:
    now = time.monotonic()
    return Sent(key, f"body of {key}", now, now if acknowledged else None)


async def store(inbox: Inbox, first: Sent, *others: Sent) -> None:
    """As the ingress would, in this order."""
    submission = Submission(
        name="A", email="a@example.com", subject="s", category=Category.GENERAL, priority=Priority.LOW,
        message=first.body,
    )  # fmt: skip
    inbound = to_inbound(submission, first.key)
    await inbox.accept(inbound)
    for other in others:
        await inbox.accept(
            to_follow_up(
                FollowUp(message=other.body), other.key, channel=inbound.channel, thread_key=inbound.thread_key,
                identity=inbound.identity,
            )
        )  # fmt: skip


def customers_with(*messages: Sent) -> Customers:
    customers = Customers("http://127.0.0.1:1/", rate_per_s=1.0, seed=1)
    customers.conversations.append(Conversation(0, list(messages)))
    return customers


async def problems(database: Database, customers: Customers, *kills: Kill, answered: bool = False) -> str:
    verdict = await judge(database, customers, kills, 1.0 if answered else None, complete=True)
    return "\n".join(verdict.problems)


async def test_what_was_acknowledged_and_is_not_stored_is_found(database: Database) -> None:
    first, lost = sent("one"), sent("two")
    await store(Inbox(database), first)
    assert "is not stored" in await problems(database, customers_with(first, lost))


async def test_what_is_stored_and_was_not_sent_is_found(database: Database) -> None:
    first, foreign = sent("one"), sent("foreign")
    await store(Inbox(database), first)
    await store(Inbox(database), foreign)
    assert "nobody sent it" in await problems(database, customers_with(first))


async def test_messages_in_another_order_are_found(database: Database) -> None:
    first, second, third = sent("one"), sent("two"), sent("three")
    await store(Inbox(database), first, third, second)
    assert "stored before" in await problems(database, customers_with(first, second, third))


async def test_a_message_that_was_never_acknowledged_is_found(database: Database) -> None:
    first = sent("one", acknowledged=False)
    await store(Inbox(database), first)
    assert "never acknowledged" in await problems(database, customers_with(first))


async def test_unanswered_messages_are_found(database: Database) -> None:
    first = sent("one")
    await store(Inbox(database), first)
    assert "has no outcome" in await problems(database, customers_with(first), answered=True)
    assert "not everything was answered" in await problems(database, customers_with(first), answered=False)


@pytest.mark.parametrize(("back_s", "found"), [(None, True), (1.5, False)])
async def test_a_process_that_stays_away_is_found(database: Database, back_s: float | None, found: bool) -> None:
    first = sent("one")
    await store(Inbox(database), first)
    kill = Kill(Kind.AGENT, 1, time.monotonic(), back_s)
    assert ("did not come back" in await problems(database, customers_with(first), kill)) is found
