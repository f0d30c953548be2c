"""Messages that share a transaction end as if each had come alone: the same customers, conversations and quarantine."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from agent.records import Accepted, Channel, IdentifierKind, Identity, InboundMessage, Screening, Suspicion
from crm.database import Database
from crm.inbox import Inbox
from tests.integration.spine import form_message, mail_message, whatsapp_message

_PER_RECIPIENT, _PER_SENDER = 3, 4
_MAILBOXES = (
    "ada.lovelace@gmail.com",
    "adalovelace@gmail.com",
    "Ada@Example.com",
    "ada@example.com",
    "bob@example.com",
)


@dataclass(frozen=True)
class Stored:
    """What accepting a list of messages left, without the ids that differ by chance."""

    duplicates: Counter[str]
    threads: dict[str, tuple[int, ...]]
    """Of each thread, the number of messages of each of its conversations."""
    customers: Counter[frozenset[str]]
    """The threads that each customer has."""
    identifiers: Counter[tuple[str, bool, bool, bool]]
    queued: Counter[tuple[int, bool]]
    """Of each work row: its seq, and whether it waits for a person."""
    quarantined: Counter[tuple[str, tuple[str, ...]]]
    events: Counter[str]
    tickets: int


def _screening(source: random.Random, sender: bytes | None) -> Screening:
    suspicions = (Suspicion.HIDDEN_FIELD,) if source.random() < 0.1 else ()
    return Screening(suspicions=suspicions, per_recipient=_PER_RECIPIENT, per_sender=_PER_SENDER, sender=sender)


def _messages(source: random.Random, count: int) -> list[InboundMessage]:
    """Of few senders and threads, with repetitions: whatever two messages can have in common, some have."""
    made: list[InboundMessage] = []
    for number in range(count):
        match source.choice(("form", "form", "follow-up", "whatsapp", "mail", "claim", "again")):
            case "form":
                sender = source.choice((None, b"1" * 16, b"2" * 16))
                who = Identity(IdentifierKind.EMAIL, source.choice(_MAILBOXES), verified=False, display_name="Ada")
                message = replace(form_message(), identity=who, screening=_screening(source, sender))
            case "follow-up" if any(each.channel is Channel.WEB_FORM for each in made):
                first = source.choice([each for each in made if each.channel is Channel.WEB_FORM])
                message = replace(form_message(thread=first.thread_key), identity=first.identity)
            case "mail":
                thread = source.choice([f"mail-{n}" for n in range(4)])
                message = replace(mail_message(source.choice(_MAILBOXES)), thread_key=thread)
            case "claim":
                message = mail_message(source.choice(_MAILBOXES))
                message = replace(message, identity=replace(message.identity, verified=False))
            case "again" if made:
                made.append(source.choice(made))
                continue
            case _:
                message = whatsapp_message(source.choice(("+15550100", "+15550101", "+15550102")))
        made.append(replace(message, body=f"message {number}"))
    return made


async def _alone(inbox: Inbox, messages: Sequence[InboundMessage]) -> list[Accepted]:
    return [await inbox.accept(message) for message in messages]


async def _together(inbox: Inbox, messages: Sequence[InboundMessage]) -> list[Accepted]:
    """In groups as large as they come: while the first is under way, the others wait for the next transaction."""
    return await asyncio.gather(*(inbox.accept(message) for message in messages))


async def _accept(
    database: Database,
    rounds: Sequence[Sequence[InboundMessage]],
    accept: Callable[[Inbox, Sequence[InboundMessage]], Awaitable[list[Accepted]]],
) -> Stored:
    inbox = Inbox(database)
    answers = [answer for each in rounds for answer in await accept(inbox, each)]
    messages = [message for each in rounds for message in each]
    async with database.connection() as connection:
        rows = await connection.fetch(
            "SELECT m.provider_message_id, m.message_id, m.conversation_id, m.customer_id, c.thread_key, t.ticket_id"
            " FROM messages m JOIN conversations c USING (conversation_id) JOIN tickets t USING (conversation_id)"
        )
        by_message = {row["message_id"]: row for row in rows}
        for message, answer in zip(messages, answers, strict=True):
            row = by_message[answer.message_id]
            assert row["provider_message_id"] == message.provider_message_id, "answers are in the order of the messages"
            assert row["conversation_id"] == answer.conversation_id
            assert row["customer_id"] == answer.customer_id
            assert row["ticket_id"] == answer.ticket_id
        threads: dict[str, Counter[str]] = {}
        customers: dict[str, set[str]] = {}
        for row in rows:
            threads.setdefault(row["thread_key"], Counter())[str(row["conversation_id"])] += 1
            customers.setdefault(str(row["customer_id"]), set()).add(row["thread_key"])
        identifiers = await connection.fetch(
            "SELECT key, verified_at IS NOT NULL, claimed, alias_of IS NOT NULL FROM customer_identifiers"
        )
        work = await connection.fetch(
            "SELECT w.seq, w.due_at = 'infinity',"
            " (SELECT array_agg(m.seq ORDER BY m.seq) FROM messages m WHERE m.customer_id = w.customer_id) AS seqs"
            " FROM work w"
        )
        assert all(row["seqs"] == list(range(1, row["seq"] + 1)) for row in work), "no gap and no repetition"
        quarantined = await connection.fetch(
            "SELECT i.key, q.reasons FROM quarantine q JOIN conversations c USING (conversation_id)"
            " JOIN customer_identifiers i USING (identifier_id)"
        )
        return Stored(
            duplicates=Counter(
                message.provider_message_id
                for message, answer in zip(messages, answers, strict=True)
                if answer.duplicate
            ),
            threads={thread: tuple(sorted(sizes.values())) for thread, sizes in threads.items()},
            customers=Counter(frozenset(each) for each in customers.values()),
            identifiers=Counter((row[0], row[1], row[2], row[3]) for row in identifiers),
            queued=Counter((row[0], row[1]) for row in work),
            quarantined=Counter((row["key"], tuple(sorted(row["reasons"]))) for row in quarantined),
            events=Counter(row[0] for row in await connection.fetch("SELECT topic FROM events")),
            tickets=await connection.fetchval("SELECT count(*) FROM tickets"),
        )


async def _empty(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute("TRUNCATE customers, form_senders, events CASCADE")


@pytest.fixture(autouse=True)
def one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two transactions at once do not see each other's requests, so that limits would depend on chance."""
    monkeypatch.setattr("crm.inbox._LANES", 1)


@pytest.mark.parametrize("seed", range(12))
async def test_together_leaves_what_one_after_the_other_leaves(database: Database, seed: int) -> None:
    source = random.Random(seed)
    # Each channel by itself: of one customer's messages on several channels their order decides who is linked to whom.
    rounds = [_messages(source, 15) for _ in range(3)]
    by_channel = [
        sorted((message for message in each if message.channel is channel), key=lambda message: message.thread_key)
        for each in rounds
        for channel in Channel
    ]
    expected = await _accept(database, by_channel, _alone)
    await _empty(database)
    assert await _accept(database, by_channel, _together) == expected


async def test_requests_of_one_transaction_count_towards_each_others_limits(database: Database) -> None:
    """Those over the limit wait, and none before them."""
    inbox = Inbox(database)
    source = random.Random(5)
    screened = [replace(form_message(f"message {n}"), screening=_screening(source, None)) for n in range(10)]
    screened = [replace(each, screening=replace(each.screening, suspicions=())) for each in screened if each.screening]
    first, *rest = screened
    await inbox.accept(first)
    answers = await asyncio.gather(*(inbox.accept(message) for message in rest))
    async with database.connection() as connection:
        waiting = await connection.fetch("SELECT conversation_id, reasons FROM quarantine")
        transactions = await connection.fetchval("SELECT count(DISTINCT xmin::text) FROM messages")
    assert {tuple(row["reasons"]) for row in waiting} == {("recipient_rate",)}
    assert len(waiting) == len(screened) - _PER_RECIPIENT
    assert transactions < len(screened)
    # In the order of their threads, in which a transaction stores them.
    stored = sorted(answers, key=lambda answer: answer.ticket_id)
    held = {row["conversation_id"] for row in waiting}
    assert [answer.conversation_id in held for answer in stored] == [False] * (_PER_RECIPIENT - 1) + [True] * 7


async def test_the_answer_knows_the_plan_and_the_priority(database: Database) -> None:
    """Also of those who are known, whose conversation begins in the same way."""
    inbox = Inbox(database)
    await inbox.accept(mail_message("ada@example.com"))
    async with database.connection() as connection:
        await connection.execute("UPDATE customers SET plan = 'business'")
        await connection.execute(
            "UPDATE channel_configs SET expected_response = expected_response ||"
            ' \'{"business": {"low": 1, "medium": 3, "high": 1, "urgent": 1}}\' WHERE channel = \'email\''
        )
    answers = await asyncio.gather(
        *(inbox.accept(mail_message(sender)) for sender in ("cy@example.com", "ada@example.com", "dee@example.com"))
    )
    assert [answer.expected_response_minutes for answer in answers] == [15, 3, 15]
